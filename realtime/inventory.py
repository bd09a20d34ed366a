"""Streams as operators see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import connection

# Ages by the database's clock, which also wrote the times.
STREAMS = """
    SELECT s.id, s.channel, CASE WHEN s.owner_id LIKE 'anon:%%' THEN 'anonymous' ELSE 'user' END,
        s.status, s.stage, s.attempt, s.first_seq, s.last_seq, s.closed_seq IS NOT NULL,
        extract(epoch FROM now() - s.created_at)::float8, extract(epoch FROM now() - s.updated_at)::float8
    FROM realtime_stream s
    WHERE (%(all)s OR s.closed_seq IS NULL) AND (%(channel)s = '' OR s.channel = %(channel)s)
    ORDER BY s.created_at DESC, s.id LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class Listed:
    """One stream. Whose it is stays between them and us: only the kind of owner is told."""

    id: UUID
    channel: str
    owner: str
    status: str
    stage: str
    attempt: int
    first_seq: int
    last_seq: int
    ended: bool
    age_seconds: float
    quiet_seconds: float


def streams(channel: str = "", *, ended: bool = False, limit: int) -> Sequence[Listed]:
    """The newest streams; those that ended only when asked for."""
    parameters: dict[str, Any] = {"channel": channel, "all": ended, "limit": limit}
    with connection.cursor() as cursor:
        cursor.execute(STREAMS, parameters)
        return [Listed(*row) for row in cursor.fetchall()]


def duration(seconds: float) -> str:
    """For people: `42s`, `3m 05s`, `2h 10m`, `5d 3h`."""
    whole = timedelta(seconds=max(0, int(seconds)))
    minutes, rest = divmod(whole.seconds, 60)
    if whole.days:
        return f"{whole.days}d {minutes // 60}h"
    if minutes >= 60:
        return f"{minutes // 60}h {minutes % 60:02}m"
    return f"{minutes}m {rest:02}s" if minutes else f"{rest}s"
