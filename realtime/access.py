"""Who may follow what, asked over the hub's connections so that a stream holds none of Django's."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings

from accounts import sessions
from realtime.hub import Hub

OWNED = "SELECT EXISTS (SELECT 1 FROM realtime_stream WHERE id = %s AND channel = %s AND owner_id = %s)"


async def grant(hub: Hub, token: str) -> sessions.Grant:
    """The grant behind a token, its session extended: a stream that connects prolongs it (api: Stream auth).

    Raises InvalidToken or TokenExpired.
    """
    sessions.check_form(token)
    parameters = [sessions.digest(token), settings.SESSION_TOKEN_TTL]
    rows = await hub.fetch(sessions.FIND_AND_EXTEND, parameters)
    return sessions.judge(rows[0] if rows else None)


async def may_follow(hub: Hub, principal_id: str, channel: str, stream_id: UUID) -> bool:
    """Whether the stream exists, in that channel, and is the principal's."""
    rows = await hub.fetch(OWNED, [stream_id, channel, principal_id])
    return bool(rows[0][0])
