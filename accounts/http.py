"""Types of requests that passed authentication."""

from __future__ import annotations

from rest_framework.request import Request

from accounts.models import Principal
from accounts.sessions import Grant, Identity


class AuthenticatedRequest(Request):
    """A request whose bearer token was accepted."""

    user: Principal  # type: ignore[assignment]
    auth: Identity


class SessionRequest(AuthenticatedRequest):
    """A request made with a session token, not with a JWT."""

    auth: Grant
