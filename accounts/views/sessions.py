"""Sessions over HTTP (spec: authentication)."""

from __future__ import annotations

from django.conf import settings
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import APIException
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import devices, ratelimits, sessions
from accounts.authentication import ClerkAuthentication, SessionAuthentication
from accounts.http import AuthenticatedRequest, SessionRequest
from accounts.serializers import DeviceSerializer
from manticscore import errors


class AnonymousSessionView(APIView):
    """POST /auth/anonymous: a session for a device that has not signed in."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    def post(self, request: Request) -> Response:
        try:
            body = DeviceSerializer(data=request.data)
            body.is_valid(raise_exception=True)
        except (errors.ApiError, APIException):
            ratelimits.check(ratelimits.ANONYMOUS_SESSION, request)  # names no device, and counts too
            raise
        device_id = body.validated_data["device_id"]
        ratelimits.check_anonymous(request, device_id)
        return session_response(devices.start_session(device_id))


class SessionView(APIView):
    """POST /auth/session: a session for a Clerk JWT. DELETE: log out."""

    def get_authenticators(self) -> list[BaseAuthentication]:
        signing_in = self.request is not None and self.request.method == "POST"
        return [ClerkAuthentication() if signing_in else SessionAuthentication()]

    def post(self, request: AuthenticatedRequest) -> Response:
        ratelimits.check(ratelimits.SIGN_IN, request)
        return session_response(sessions.mint(request.user))

    def delete(self, request: SessionRequest) -> Response:
        sessions.revoke(request.auth.session_id)
        return Response({"success": True})


def session_response(token: str) -> Response:
    return Response({"token": token, "expires_in": settings.SESSION_TOKEN_TTL})
