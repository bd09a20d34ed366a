"""Writing to the event log."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections, transaction

from manticscore.pipeline import Superseded
from realtime import hints
from realtime.events import MAX_EVENT_BYTES, DoneEvent, EventData
from realtime.queries import LINES, OWN_EVENTS

# The most frequent case by far, in half the time: one event of a stream that no project numbers again.
# It finds no row for any other stream, and the general statement below decides.
APPEND_ONE = """
    WITH head AS (
        UPDATE realtime_stream
        SET last_seq = last_seq + 1,
            status = COALESCE(%(status)s, status),
            stage = COALESCE(%(stage)s, stage),
            updated_at = now()
        WHERE id = %(stream)s AND attempt = %(attempt)s AND closed_seq IS NULL AND project_id IS NULL
          AND channel <> 'project'
        RETURNING last_seq
    )
    INSERT INTO realtime_event (stream_id, seq, type, data)
    SELECT %(stream)s, head.last_seq, %(type)s, %(data)s::jsonb FROM head
    RETURNING seq
"""

# One statement is one short transaction: the row lock on the stream is held to commit, so numbers
# become visible in order, and a rollback gives them back. Lock order: the stream, then its project. A
# project's stream is its own project: its own events have one number for both.
APPEND = """
    WITH head AS (
        UPDATE realtime_stream
        SET last_seq = last_seq + %(count)s,
            closed_seq = CASE WHEN %(close)s THEN last_seq + %(count)s END,
            closed_at = CASE WHEN %(close)s THEN now() END,
            status = COALESCE(%(status)s, status),
            stage = COALESCE(%(stage)s, stage),
            updated_at = now()
        WHERE id = %(stream)s AND attempt = %(attempt)s AND closed_seq IS NULL
        RETURNING *
    ), fan_in AS (
        UPDATE realtime_stream
        SET last_seq = realtime_stream.last_seq + %(count)s, updated_at = now()
        FROM head
        WHERE realtime_stream.id = head.project_id AND realtime_stream.channel = 'project'
          AND head.id <> head.project_id
        RETURNING realtime_stream.id, realtime_stream.last_seq
    ), project AS (
        SELECT id, last_seq FROM fan_in
        UNION ALL
        SELECT id, last_seq FROM head WHERE channel = 'project'
    ), written AS (
        INSERT INTO realtime_event (stream_id, seq, type, data, project_id, project_seq)
        SELECT head.id, head.last_seq - %(count)s + new.n, new.type, new.data,
               project.id, project.last_seq - %(count)s + new.n
        FROM head
        CROSS JOIN ROWS FROM (unnest(%(types)s::text[]), jsonb_array_elements(%(data)s::jsonb))
            WITH ORDINALITY AS new (type, data, n)
        LEFT JOIN project ON true
    )
    SELECT head.last_seq, project.id, project.last_seq FROM head LEFT JOIN project ON true
"""

# What was appended up to now is seen by a statement that begins after the lock was taken.
LOCK = "SELECT 1 FROM realtime_stream WHERE id = %(stream)s FOR NO KEY UPDATE"
RUN = """
    SELECT GREATEST(s.first_seq, 1 + COALESCE(
        (SELECT seq FROM realtime_event WHERE stream_id = s.id AND type = 'done' ORDER BY seq DESC LIMIT 1), 0
    )), s.last_seq
    FROM realtime_stream s WHERE s.id = %(stream)s
"""
LINES_OF_RUN = f"""
    SELECT {LINES} FROM realtime_stream s
    CROSS JOIN LATERAL ({OWN_EVENTS} AND seq BETWEEN %(first)s AND %(last)s) e WHERE s.id = %(stream)s
"""
PROVEN_AT_ONCE = 200  # events; the largest ones are 256 KiB

KEPT = "realtime_cursor"  # attribute of a connection
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
) -> int:
    """Append events and return the number of the last one.

    `attempt` fences: when another execution has taken over nothing is written and Superseded is
    raised.
    """
    return write(stream_id, attempt, events, status=status, stage=stage, close=False)


def close(stream_id: UUID, attempt: int, events: Sequence[EventData] = (), *, status: str) -> int:
    """Append the last events of a run and the `done` that ends its stream; returns the number of `done`.

    Raises Superseded as `append` does.
    """
    with transaction.atomic():
        execute(LOCK, {"stream": stream_id})
        if events:
            append(stream_id, attempt, events)
        return write(stream_id, attempt, [proof(stream_id)], status=status, stage=None, close=True)


def proof(stream_id: UUID) -> DoneEvent:
    """What a client has seen of the run that ends: all that came after the `done` before."""
    row = execute(RUN, {"stream": stream_id})
    if row is None:
        raise Superseded
    first_seq, last_seq = row
    seen = hashlib.sha256()
    for first in range(first_seq, last_seq + 1, PROVEN_AT_ONCE):
        last = min(first + PROVEN_AT_ONCE - 1, last_seq)
        (lines,) = execute(LINES_OF_RUN, {"stream": stream_id, "first": first, "last": last}) or (b"",)
        seen.update(lines)
    count = last_seq - first_seq + 1
    return DoneEvent(first_seq=first_seq, last_seq=last_seq, count=count, digest=seen.hexdigest())


def write(
    stream_id: UUID,
    attempt: int,
    events: Sequence[EventData],
    *,
    status: str | None,
    stage: str | None,
    close: bool,
) -> int:
    """Store events, tell of them, and return the number of the last one."""
    data = [event.model_dump_json() for event in events]
    if any(len(text.encode()) > MAX_EVENT_BYTES for text in data):
        raise EventTooLarge
    types = [event.type for event in events]
    common = {"stream": stream_id, "attempt": attempt, "status": status, "stage": stage}
    if len(events) == 1 and not close:
        row = execute(APPEND_ONE, {**common, "type": types[0], "data": data[0]}, keep_cursor=True)
        if row is not None:
            hints.send_on_commit(stream_id, row[0])
            return int(row[0])
    many = {"count": len(events), "close": close, "types": types, "data": f"[{','.join(data)}]"}
    row = execute(APPEND, {**common, **many})
    if row is None:
        raise Superseded
    last_seq, project_id, project_seq = row
    hints.send_on_commit(stream_id, last_seq)
    if project_id is not None and project_id != stream_id:
        hints.send_on_commit(project_id, project_seq)
    return int(last_seq)


def execute(
    statement: str, parameters: dict[str, Any], *, keep_cursor: bool = False
) -> tuple[Any, ...] | None:
    """The statement's row, in Django's connection and transaction but through psycopg's own cursor.

    Django's cursor sends the values inside the text, which PostgreSQL then has to plan anew for every
    event; planning takes longer than all the rest. psycopg's keeps the statement prepared. A cursor that is
    kept with its connection need not look up again how values are read, but holds on to the last ones.
    """
    django = connections[DEFAULT_DB_ALIAS]
    django.validate_no_broken_transaction()
    django.ensure_connection()
    with django.wrap_database_errors:
        raw = django.connection
        raw.prepare_threshold = PREPARE_AFTER
        cursor = kept_cursor(raw) if keep_cursor else psycopg.Cursor(raw)
        return cursor.execute(statement, parameters).fetchone()


def kept_cursor(raw: psycopg.Connection[Any]) -> psycopg.Cursor[Any]:
    kept: dict[str, Any] = vars(raw)
    if KEPT not in kept:
        kept[KEPT] = psycopg.Cursor(raw)
    cursor: psycopg.Cursor[Any] = kept[KEPT]
    return cursor
