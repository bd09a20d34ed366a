"""Sessions over HTTP (spec: authentication)."""

from __future__ import annotations

from django.conf import settings
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import devices, ratelimits, sessions
from accounts.http import AuthenticatedRequest
from accounts.serializers import DeviceSerializer


class AnonymousSessionView(APIView):
    """POST /auth/anonymous: a session for a device that has not signed in."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    def post(self, request: Request) -> Response:
        ratelimits.check(ratelimits.ANONYMOUS_SESSION, request)
        body = DeviceSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        principal = devices.principal_of(body.validated_data["device_id"])
        return Response({"token": sessions.mint(principal), "expires_in": settings.SESSION_TOKEN_TTL})


class SessionView(APIView):
    """DELETE /auth/session: log out."""

    def delete(self, request: AuthenticatedRequest) -> Response:
        sessions.revoke(request.auth.session_id)
        return Response({"success": True})
