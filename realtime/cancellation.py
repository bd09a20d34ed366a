"""Asking a job to stop. Its run notices before its next stage and ends the stream with `CANCELLED`."""

from __future__ import annotations

from uuid import UUID

from django.db import connection

from realtime.hub import Hub

# Nothing without such a stream of the owner's; else whether it could still be asked.
REQUEST = """
    WITH asked AS (
        UPDATE realtime_stream SET cancel_requested_at = coalesce(cancel_requested_at, now())
        WHERE id = %(stream)s AND channel = %(channel)s AND owner_id = %(owner)s
          AND closed_seq IS NULL AND channel <> 'project'
        RETURNING id
    )
    SELECT EXISTS (SELECT 1 FROM asked) FROM realtime_stream
    WHERE id = %(stream)s AND channel = %(channel)s AND owner_id = %(owner)s
"""


def request(owner_id: str, channel: str, stream_id: UUID) -> bool | None:
    """Ask, in Django's transaction. None: no such stream; False: there is nothing (left) to stop."""
    with connection.cursor() as cursor:
        cursor.execute(REQUEST, parameters(owner_id, channel, stream_id))
        row = cursor.fetchone()
    return None if row is None else bool(row[0])


async def request_over(hub: Hub, owner_id: str, channel: str, stream_id: UUID) -> bool | None:
    """The same over the hub's connections."""
    rows = await hub.fetch(REQUEST, parameters(owner_id, channel, stream_id))
    return bool(rows[0][0]) if rows else None


def parameters(owner_id: str, channel: str, stream_id: UUID) -> dict[str, str | UUID]:
    return {"stream": stream_id, "channel": channel, "owner": owner_id}
