"""Session tokens: mint, look up, extend, revoke.

The one place behind REST, NDJSON and WebSocket. A token is `ms_sess_` followed by 256 random bits;
the database holds its SHA-256, which needs no salt or stretching at that entropy. Expiry is decided
by the database's clock, so that a wrong clock on a web server neither lengthens nor shortens it.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models.functions import Now

from accounts.models import Principal, Session
from accounts.models.session import database_clock_plus
from manticscore import errors

PREFIX = "ms_sess_"
TOKEN = re.compile(r"ms_sess_[A-Za-z0-9_-]{43}")

FIND = """
    SELECT id, principal_id, revoked_at IS NOT NULL, expires_at <= now()
    FROM accounts_session WHERE token_digest = %s
"""
# Streams extend a session when they connect; a revoked or expired one stays as it is.
FIND_AND_EXTEND = """
    WITH found AS (SELECT id, principal_id, revoked_at IS NOT NULL AS revoked, expires_at <= now() AS expired
                   FROM accounts_session WHERE token_digest = %s),
         extended AS (UPDATE accounts_session SET expires_at = now() + make_interval(secs => %s) FROM found
                      WHERE accounts_session.id = found.id AND NOT found.revoked AND NOT found.expired)
    SELECT id, principal_id, revoked, expired FROM found
"""


@dataclass(frozen=True, slots=True)
class Grant:
    """A valid token's meaning: which session it is and whose."""

    session_id: UUID
    principal_id: str


Row = tuple[UUID, str, bool, bool]


def mint(principal: Principal) -> str:
    """A new token for `principal`; its clear text exists only in the return value."""
    token = PREFIX + secrets.token_urlsafe(32)
    Session.objects.create(
        token_digest=digest(token),
        principal=principal,
        expires_at=database_clock_plus(settings.SESSION_TOKEN_TTL),
    )
    return token


def find(token: str) -> Grant:
    """The grant behind a token, in one indexed query.

    Raises InvalidToken for a malformed, unknown or revoked token and TokenExpired for an old one.
    """
    check_form(token)
    with connection.cursor() as cursor:
        cursor.execute(FIND, [digest(token)])
        return judge(cursor.fetchone())


def revoke(session_id: UUID) -> None:
    """End a session. Streams that run on it are cut by the hub's next sweep."""
    Session.objects.filter(id=session_id, revoked_at=None).update(revoked_at=Now())


def check_form(token: str) -> None:
    if not TOKEN.fullmatch(token):
        raise errors.InvalidToken("Invalid token: not a session token")


def judge(row: Row | None) -> Grant:
    """Turn a row of FIND or FIND_AND_EXTEND into a grant, or raise what the client must hear."""
    if row is None:
        raise errors.InvalidToken("Invalid token: unknown session")
    session_id, principal_id, revoked, expired = row
    if revoked:
        raise errors.InvalidToken("Invalid token: session was revoked")
    if expired:
        raise errors.TokenExpired()
    return Grant(session_id, principal_id)


def digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def bearer_token(header: str) -> str:
    """The token in an Authorization header. Raises MissingToken unless it says `Bearer <something>`."""
    scheme, _, token = header.partition(" ")
    if scheme != "Bearer" or not token.strip(" "):
        raise errors.MissingToken()
    return token.strip(" ")
