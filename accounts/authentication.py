"""DRF's way in to accounts.sessions."""

from __future__ import annotations

from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from accounts import sessions
from accounts.models import Principal


class BearerAuthentication(BaseAuthentication):
    """`Authorization: Bearer <session token>`; request.user is the principal, request.auth the grant."""

    def authenticate(self, request: Request) -> tuple[Principal, sessions.Grant]:
        grant = sessions.find(sessions.bearer_token(request.headers.get("Authorization", "")))
        return Principal(id=grant.principal_id), grant

    def authenticate_header(self, request: Request) -> str:
        # Without it DRF answers 403 where the contract says 401.
        return "Bearer"
