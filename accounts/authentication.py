"""DRF's way in to accounts.sessions."""

from __future__ import annotations

from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from accounts import clerk, sessions
from accounts.models import Principal
from manticscore import errors, logs


class BearerAuthentication(BaseAuthentication):
    """`Authorization: Bearer <session token or Clerk JWT>`.

    request.user is the principal, request.auth the identity: a Grant when there is a session behind it.
    """

    def authenticate(self, request: Request) -> tuple[Principal, sessions.Identity]:
        identity = self.identify(sessions.bearer_token(request.headers.get("Authorization", "")))
        logs.note_principal(identity.principal_id)
        return Principal(id=identity.principal_id), identity

    def identify(self, token: str) -> sessions.Identity:
        return sessions.authenticate(token)

    def authenticate_header(self, request: Request) -> str:
        # Without it DRF answers 403 where the contract says 401.
        return "Bearer"


class ClerkAuthentication(BearerAuthentication):
    """A Clerk JWT and nothing else: a session must not be able to prolong itself."""

    def identify(self, token: str) -> sessions.Identity:
        if token.startswith(sessions.PREFIX):
            raise errors.InvalidToken("Invalid token: a session token cannot be exchanged, send a Clerk JWT")
        return sessions.Identity(principal_id=clerk.principal_of(token).id)


class SessionAuthentication(BearerAuthentication):
    """A session token and nothing else."""

    def identify(self, token: str) -> sessions.Identity:
        return sessions.find(token)
