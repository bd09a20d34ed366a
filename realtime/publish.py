"""Writing to the event log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import connection

from realtime import hints
from realtime.events import MAX_EVENT_BYTES, EventData

# One statement is one short transaction: the row lock on the stream is held to commit, so numbers
# become visible in order, and a rollback gives them back. Lock order: the stream, then its project.
APPEND = """
    WITH head AS (
        UPDATE realtime_stream
        SET last_seq = last_seq + %(count)s,
            closed_seq = CASE WHEN %(close)s THEN last_seq + %(count)s END,
            status = COALESCE(%(status)s, status),
            stage = COALESCE(%(stage)s, stage),
            updated_at = now()
        WHERE id = %(stream)s AND attempt = %(attempt)s AND closed_seq IS NULL
        RETURNING last_seq - %(count)s AS before, project_id
    ), project AS (
        UPDATE realtime_stream
        SET last_seq = last_seq + %(count)s, updated_at = now()
        FROM head
        WHERE realtime_stream.id = head.project_id AND realtime_stream.channel = 'project'
        RETURNING realtime_stream.id, last_seq - %(count)s AS before, last_seq
    ), written AS (
        INSERT INTO realtime_event (stream_id, seq, type, data, project_id, project_seq)
        SELECT %(stream)s, head.before + new.n, new.type, new.data::jsonb, project.id, project.before + new.n
        FROM head
        CROSS JOIN unnest(%(types)s::text[], %(data)s::text[]) WITH ORDINALITY AS new (type, data, n)
        LEFT JOIN project ON true
    )
    SELECT head.before + %(count)s, project.id, project.last_seq FROM head LEFT JOIN project ON true
"""


class Superseded(Exception):
    """This execution of the run is no longer the current one, or the stream is closed."""


class EventTooLarge(ValueError):
    """An event must stay under 256 KiB; larger artifacts are fetched from their own URL."""


def append(
    stream_id: UUID,
    attempt: int,
    events: Sequence[EventData],
    *,
    status: str | None = None,
    stage: str | None = None,
    close: bool = False,
) -> int:
    """Append events and return the number of the last one.

    `attempt` fences: when another execution has taken over nothing is written and Superseded is
    raised. `close` makes the last event the end of the stream.
    """
    data = [event.model_dump_json() for event in events]
    if any(len(text.encode()) > MAX_EVENT_BYTES for text in data):
        raise EventTooLarge
    parameters: dict[str, Any] = {
        "stream": stream_id,
        "attempt": attempt,
        "count": len(events),
        "types": [event.type for event in events],
        "data": data,
        "status": status,
        "stage": stage,
        "close": close,
    }
    with connection.cursor() as cursor:
        cursor.execute(APPEND, parameters)
        row = cursor.fetchone()
    if row is None:
        raise Superseded
    last_seq, project_id, project_seq = row
    hints.send_on_commit(stream_id, last_seq)
    if project_id is not None:
        hints.send_on_commit(project_id, project_seq)
    return int(last_seq)
