"""Who may follow what, asked over the hub's connections so that a stream holds none of Django's."""

from __future__ import annotations

import asyncio
import logging
import math
import secrets
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID, uuid4

import psycopg
from django.conf import settings

from accounts import clerk, sessions
from manticscore import errors, logs
from realtime.batching import Question
from realtime.hub import Hub

OWNED = Question(
    """SELECT want.n FROM want JOIN realtime_stream s
       ON s.id = want.stream_id AND s.channel = want.channel AND s.owner_id = want.principal_id""",
    {"stream_id": "uuid", "channel": "text", "principal_id": "text"},
)
# Streams extend a session when they connect; a revoked or expired one stays as it is. So does one that is
# being changed at this moment, which is another extension or its end: nobody waits for somebody else's.
EXTENDED = Question(
    """, found AS (
        SELECT want.n, want.ttl, s.id, s.principal_id,
            s.revoked_at IS NOT NULL AS revoked, s.expires_at <= now() AS expired
        FROM want JOIN accounts_session s USING (token_digest)
    ), living AS (
        SELECT s.id, found.ttl FROM accounts_session s JOIN found USING (id)
        WHERE NOT found.revoked AND NOT found.expired FOR NO KEY UPDATE OF s SKIP LOCKED
    ), extended AS (
        UPDATE accounts_session s SET expires_at = now() + make_interval(secs => living.ttl)
        FROM living WHERE s.id = living.id
    )
    SELECT n, id, principal_id, revoked, expired FROM found""",
    {"token_digest": "bytea", "ttl": "double precision"},
)
EXPIRY = "SELECT expires_at FROM accounts_session WHERE id = %s AND revoked_at IS NULL AND expires_at > now()"
KEEP = """
    UPDATE accounts_session SET expires_at = now() + make_interval(secs => %s)
    WHERE id = %s AND revoked_at IS NULL AND expires_at > now() RETURNING expires_at
"""
RETRY_WAIT = 0.5  # seconds between tries while the database is away

T = TypeVar("T")
logger = logging.getLogger(__name__)

# Who asks, by the digest of a session token or, after a JWT was verified, by name.
CALLER = """
    SELECT id, principal_id, revoked_at IS NOT NULL AS revoked, expires_at <= now() AS expired
    FROM accounts_session WHERE token_digest = want.token_digest
    UNION ALL
    SELECT NULL, want.user_id, false, false WHERE want.user_id IS NOT NULL
"""


def question(select: str, **columns: str) -> Question:
    """A read of one row that the caller may see, together with the check of who that is.

    `select` names the caller as `caller.principal_id` and what was asked for as columns of `want`.
    """
    return Question(
        f"""SELECT want.n, caller.*, found.* FROM want JOIN LATERAL ({CALLER}) AS caller ON true
            LEFT JOIN LATERAL ({select}) AS found ON NOT (caller.revoked OR caller.expired)""",
        {"token_digest": "bytea", "user_id": "text", **columns},
    )


FOLLOWED = question(
    """SELECT s.id, caller.principal_id AS follower FROM realtime_stream s
       WHERE s.id = want.stream_id AND s.channel = want.channel AND s.owner_id = caller.principal_id""",
    stream_id="uuid",
    channel="text",
)


async def grant(hub: Hub, token: str) -> sessions.Grant:
    """The grant behind a token, its session extended: a stream that connects prolongs it (api: Stream auth).

    A Clerk JWT gets a session of its own, so that the connection can be cut like any other; `release` it
    at the connection's end. Raises InvalidToken, TokenExpired or Unavailable.
    """
    if clerk.looks_like_jwt(token):
        return await mint(hub, await user_of(token))
    sessions.check_form(token)
    asked = {"token_digest": sessions.digest(token), "ttl": settings.SESSION_TOKEN_TTL}
    rows = await hub.batches.ask(EXTENDED, **asked)
    found = sessions.judge(rows[0] if rows else None)
    logs.note_principal(found.principal_id)
    return found


async def user_of(token: str) -> str:
    """The user of a JWT. In a thread: verifying costs time, and may wait for Clerk's keys."""
    user_id = await asyncio.to_thread(clerk.user_id, token)
    logs.note_principal(user_id)
    return user_id


async def mint(hub: Hub, user_id: str) -> sessions.Grant:
    """A session for one connection. Nobody is told its token."""
    session_id = uuid4()
    parameters = {
        "id": session_id,
        "principal": user_id,
        "digest": sessions.digest(secrets.token_urlsafe()),
        "ttl": settings.SESSION_TOKEN_TTL,
    }
    await hub.fetch(sessions.MINT_FOR_CONNECTION, parameters)
    return sessions.Grant(principal_id=user_id, session_id=session_id, for_connection=True)


async def release(hub: Hub, grant: sessions.Grant) -> None:
    """The connection is over, and with it a session that was minted for it."""
    if not grant.for_connection:
        return
    revoking = asyncio.ensure_future(hub.fetch(sessions.REVOKE, [grant.session_id]))
    try:
        # Shielded: it is the end of a task that may be cancelled, and must happen all the same.
        await asyncio.shield(revoking)
    except psycopg.Error as error:
        logger.warning("session %s was not ended, it will expire: %r", grant.session_id, error)


async def read(hub: Hub, token: str, asked: Question, **values: Any) -> list[Any]:
    """One row that the token's holder may see, and the check of the token, in a single statement.

    How GETs that are polled are made: no ORM, no thread, and a round trip that is shared under load. The
    row's first column is never null. Raises Unauthorized, or NotFound without a row.
    """
    digest = user_id = None
    if clerk.looks_like_jwt(token):
        user_id = await user_of(token)
    else:
        sessions.check_form(token)
        digest = sessions.digest(token)
    rows = await hub.batches.ask(asked, token_digest=digest, user_id=user_id, **values)
    identity = sessions.judge(rows[0][:4] if rows else None)
    logs.note_principal(identity.principal_id)
    row = list(rows[0][4:])
    if row[0] is None:
        raise errors.NotFound()
    return row


async def follower(hub: Hub, token: str, channel: str, stream_id: UUID) -> str:
    """The principal behind a token, who owns that stream. Raises Unauthorized or NotFound."""
    _, principal_id = await read(hub, token, FOLLOWED, channel=channel, stream_id=stream_id)
    return str(principal_id)


async def may_follow(hub: Hub, principal_id: str, channel: str, stream_id: UUID) -> bool:
    """Whether the stream exists, in that channel, and is the principal's. Asked together with others."""
    asked = {"stream_id": stream_id, "channel": channel, "principal_id": principal_id}
    return bool(await hub.batches.ask(OWNED, **asked))


async def expiry(hub: Hub, grant: sessions.Grant) -> datetime | None:
    """When the grant's session ends; None when it has ended already."""
    rows = await hub.fetch(EXPIRY, [grant.session_id])
    return rows[0][0] if rows else None


async def revalidate(hub: Hub, grant: sessions.Grant) -> datetime | None:
    """As `expiry`; a session that was made for the connection lives on with it (spec: websocket)."""
    if not grant.for_connection:
        return await expiry(hub, grant)
    rows = await hub.fetch(KEEP, [settings.SESSION_TOKEN_TTL, grant.session_id])
    return rows[0][0] if rows else None


async def lasting_grant(hub: Hub, token: str) -> tuple[sessions.Grant, datetime]:
    """A grant, and when it ends. Raises as `grant` does."""
    found = await grant(hub, token)
    try:
        ends_at = await expiry(hub, found)
    except BaseException:
        await release(hub, found)
        raise
    if ends_at is None:
        raise errors.TokenExpired
    return found, ends_at


async def patiently(step: Callable[[], Awaitable[T]], seconds: float = math.inf) -> T:
    """Do `step`, again while the database is away. Raises Unavailable when that takes too long."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return await step()
        except errors.DATABASE_GONE as error:
            if time.monotonic() + RETRY_WAIT > deadline:
                raise errors.Unavailable() from error
        await asyncio.sleep(RETRY_WAIT)
