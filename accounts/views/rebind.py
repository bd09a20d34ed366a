"""Rebind over HTTP (spec: authentication)."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import ratelimits
from accounts.http import AuthenticatedRequest
from accounts.rebind import rebind
from accounts.serializers import MAX_DEVICE_ID
from manticscore import errors


class RebindView(APIView):
    """POST /auth/rebind: give what a device did before sign-in to the user who signed in on it."""

    def post(self, request: AuthenticatedRequest) -> Response:
        if request.user.is_anonymous_device:
            raise errors.Unauthorized("Rebind requires an authenticated user token; got anonymous session")
        ratelimits.check(ratelimits.REBIND, request)
        device_id = device_id_of(request.data)
        return Response(asdict(rebind(user_id=request.user.id, device_id=device_id)))


def device_id_of(body: Any) -> str:
    """The device id as it is: no trimming, no normalising."""
    device_id = body.get("device_id")
    if device_id is None or device_id == "":
        # The user is named by the token alone; the text is the contract's.
        raise errors.Unprocessable("device_id and clerk_user_id required")
    if not isinstance(device_id, str):
        raise errors.Unprocessable("device_id must be a string")
    if len(device_id) > MAX_DEVICE_ID:
        raise errors.Unprocessable(f"device_id must have at most {MAX_DEVICE_ID} characters")
    return device_id
