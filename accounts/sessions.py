"""Bearer tokens: what one means, and the life of our own: mint, look up, extend, revoke.

The one place behind REST, NDJSON and WebSocket. A session token is `ms_sess_` followed by 256 random bits;
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

from accounts import clerk
from accounts.models import ANONYMOUS_PREFIX, Principal, Session
from accounts.models.session import database_clock_plus
from manticscore import errors

PREFIX = "ms_sess_"
TOKEN = re.compile(r"ms_sess_[A-Za-z0-9_-]{43}")

FIND = """
    SELECT id, principal_id, revoked_at IS NOT NULL, expires_at <= now()
    FROM accounts_session WHERE token_digest = %s
"""
# A session for one connection, minted from a JWT; its token is never told to anybody. Safe to repeat.
MINT_FOR_CONNECTION = """
    WITH principal AS (INSERT INTO accounts_principal (id) VALUES (%(principal)s) ON CONFLICT DO NOTHING)
    INSERT INTO accounts_session (id, token_digest, principal_id, expires_at)
    VALUES (%(id)s, %(digest)s, %(principal)s, now() + make_interval(secs => %(ttl)s))
    ON CONFLICT DO NOTHING RETURNING id
"""
REVOKE = """
    UPDATE accounts_session SET revoked_at = now() WHERE id = %s AND revoked_at IS NULL RETURNING id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who a valid token stands for."""

    principal_id: str

    @property
    def is_anonymous(self) -> bool:
        """Whether this is a device that has not signed in."""
        return self.principal_id.startswith(ANONYMOUS_PREFIX)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant(Identity):
    """A session: which it is and whose. One `for_connection` ends with the connection it was minted for."""

    session_id: UUID
    for_connection: bool = False


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


def authenticate(token: str) -> Identity:
    """Who a bearer token stands for: a session token first, else a Clerk JWT.

    Raises InvalidToken, TokenExpired or, when the JWT's key cannot be known, Unavailable.
    """
    if clerk.looks_like_jwt(token):
        return Identity(principal_id=clerk.principal_of(token).id)
    return find(token)


def find(token: str) -> Grant:
    """The grant behind a session token, in one indexed query.

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
    """Turn a row of FIND, or one like it, into a grant, or raise what the client must hear."""
    if row is None:
        raise errors.InvalidToken("Invalid token: unknown session")
    session_id, principal_id, revoked, expired = row
    if revoked:
        raise errors.InvalidToken("Invalid token: session was revoked")
    if expired:
        raise errors.TokenExpired()
    return Grant(session_id=session_id, principal_id=principal_id)


def digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def bearer_token(header: str) -> str:
    """The token in an Authorization header. Raises MissingToken unless it says `Bearer <something>`."""
    scheme, _, token = header.partition(" ")
    if scheme != "Bearer" or not token.strip(" "):
        raise errors.MissingToken()
    return token.strip(" ")
