"""Devices that want push messages, and which ones they want."""

from __future__ import annotations

from typing import Any

from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import profiles
from accounts.http import AuthenticatedRequest
from accounts.models import Profile, PushToken
from accounts.serializers import PreferencesSerializer, PushTokenSerializer


class PushTokensView(APIView):
    """POST and DELETE /push-tokens"""

    def post(self, request: AuthenticatedRequest) -> Response:
        body = PushTokenSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        PushToken.register(request.user.id, **body.validated_data)
        return Response({"success": True})

    def delete(self, request: AuthenticatedRequest) -> Response:
        """Removes the caller's own; that there was none is no error, and somebody else's stays."""
        body = PushTokenSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        PushToken.objects.filter(
            owner_id=request.user.id, device_token=body.validated_data["device_token"]
        ).delete()
        return Response({"success": True})


class PreferencesView(APIView):
    """GET and PUT /push-tokens/preferences"""

    def get(self, request: AuthenticatedRequest) -> Response:
        return Response(shape(profiles.ensure(request.user.id)))

    def put(self, request: AuthenticatedRequest) -> Response:
        body = PreferencesSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        enabled = {item["id"]: item["enabled"] for item in body.validated_data["preferences"]}
        return Response(shape(profiles.set_notifications(request.user.id, enabled)))


def shape(profile: Profile) -> dict[str, Any]:
    return {
        "preferences": [
            {"id": kind, "label": label, "enabled": kind not in profile.muted_notifications}
            for kind, label in profiles.NOTIFICATIONS.items()
        ]
    }
