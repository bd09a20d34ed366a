"""Writing to the event log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections

from manticscore.pipeline import Superseded
from realtime import hints
from realtime.events import MAX_EVENT_BYTES, EventData

# The most frequent case by far, in half the time: one event of a stream that no project numbers again.
# It finds no row for any other stream, and the general statement below decides.
APPEND_ONE = """
    WITH head AS (
        UPDATE realtime_stream
        SET last_seq = last_seq + 1,
            closed_seq = CASE WHEN %(close)s THEN last_seq + 1 END,
            status = COALESCE(%(status)s, status),
            stage = COALESCE(%(stage)s, stage),
            updated_at = now()
        WHERE id = %(stream)s AND attempt = %(attempt)s AND closed_seq IS NULL AND project_id IS NULL
        RETURNING last_seq
    )
    INSERT INTO realtime_event (stream_id, seq, type, data)
    SELECT %(stream)s, head.last_seq, %(type)s, %(data)s::jsonb FROM head
    RETURNING seq, NULL::uuid, NULL::bigint
"""

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
        SELECT %(stream)s, head.before + new.n, new.type, new.data, project.id, project.before + new.n
        FROM head
        CROSS JOIN ROWS FROM (unnest(%(types)s::text[]), jsonb_array_elements(%(data)s::jsonb))
            WITH ORDINALITY AS new (type, data, n)
        LEFT JOIN project ON true
    )
    SELECT head.before + %(count)s, project.id, project.last_seq FROM head LEFT JOIN project ON true
"""

PREPARE_AFTER = 2  # executions; only cursors of psycopg's own look at it


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
    types = [event.type for event in events]
    common = {"stream": stream_id, "attempt": attempt, "status": status, "stage": stage, "close": close}
    row = execute(APPEND_ONE, {**common, "type": types[0], "data": data[0]}) if len(events) == 1 else None
    if row is None:
        row = execute(APPEND, {**common, "count": len(events), "types": types, "data": f"[{','.join(data)}]"})
    if row is None:
        raise Superseded
    last_seq, project_id, project_seq = row
    hints.send_on_commit(stream_id, last_seq)
    if project_id is not None:
        hints.send_on_commit(project_id, project_seq)
    return int(last_seq)


def execute(statement: str, parameters: dict[str, Any]) -> tuple[Any, ...] | None:
    """The statement's row, in Django's connection and transaction but through psycopg's own cursor.

    Django's cursor sends the values inside the text, which PostgreSQL then has to plan anew for every
    event; planning takes longer than all the rest. psycopg's keeps the statement prepared.
    """
    django = connections[DEFAULT_DB_ALIAS]
    django.validate_no_broken_transaction()
    django.ensure_connection()
    with django.wrap_database_errors:
        raw = django.connection
        raw.prepare_threshold = PREPARE_AFTER
        return psycopg.Cursor(raw).execute(statement, parameters).fetchone()
