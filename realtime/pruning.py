"""Old streams are reduced to their outcome: the `result` or `error` and the `done` of their last run.

What is kept is always a run of numbers without a gap that ends at the stream's head, and `first_seq` is
its first one. So a pruned stream is followed like any other; a cursor before `first_seq` is answered
with `reset`. An event of a project's job has a second number there: the project's `first_seq` moves past the
last event that was taken from any of its jobs, which keeps its numbers without a gap too. What lies before
that, a kept `result` among it, is no longer part of the project's history and loses its number there; in
the job's own stream nothing changes.

Streams that never end, as a project's and a chat's, are left alone.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from manticscore import locks

STREAMS = 50  # streams pruned in one transaction
EVENTS = 2000  # events taken from each of them; what is left of a long one comes next
OUTCOME = ["result", "error", "done"]

logger = logging.getLogger(__name__)

# The last event that is no outcome; all that follow it are kept, and so is the end of the stream.
OLD = """
    SELECT s.id, LEAST(last.seq + 1, s.closed_seq) AS keep_from, s.first_seq
    FROM realtime_stream s CROSS JOIN LATERAL (
        SELECT seq FROM realtime_event WHERE stream_id = s.id AND NOT type = ANY(%(outcome)s)
        ORDER BY seq DESC LIMIT 1
    ) last
    WHERE s.first_seq < s.closed_seq - 1 AND s.closed_at < now() - %(age)s
      AND s.first_seq < LEAST(last.seq + 1, s.closed_seq)
"""
COUNT = f"SELECT count(*), coalesce(sum(keep_from - first_seq), 0) FROM ({OLD}) old"
PRUNE = f"""
    WITH claimed AS (
        {OLD} ORDER BY s.closed_at LIMIT %(streams)s FOR NO KEY UPDATE OF s SKIP LOCKED
    ), old AS (
        SELECT id, LEAST(keep_from, first_seq + %(events)s) AS keep_from, keep_from AS goal FROM claimed
    ), gone AS (
        DELETE FROM realtime_event e USING old WHERE e.stream_id = old.id AND e.seq < old.keep_from
        RETURNING e.project_id, e.project_seq
    ), forgotten AS (
        DELETE FROM realtime_stageresult r USING old WHERE r.stream_id = old.id
    ), moved AS (
        UPDATE realtime_stream s SET first_seq = old.keep_from FROM old WHERE s.id = old.id
    ), projects AS (
        UPDATE realtime_stream s SET first_seq = GREATEST(s.first_seq, hole.last + 1)
        FROM (SELECT project_id, max(project_seq) AS last FROM gone
              WHERE project_seq IS NOT NULL GROUP BY project_id) hole
        WHERE s.id = hole.project_id
        RETURNING s.id
    )
    SELECT (SELECT count(*) FROM old WHERE keep_from = goal), (SELECT count(*) FROM gone),
           (SELECT count(*) FROM old), ARRAY(SELECT id FROM projects)
"""
LEAVE_PROJECTS = """
    UPDATE realtime_event e SET project_id = NULL, project_seq = NULL
    FROM realtime_stream s
    WHERE s.id = ANY(%s) AND e.project_id = s.id AND e.project_seq < s.first_seq
"""


@dataclass(frozen=True, slots=True)
class Pruned:
    """How many streams are done with, and how many events that took."""

    streams: int
    events: int

    def __add__(self, other: Pruned) -> Pruned:
        return Pruned(self.streams + other.streams, self.events + other.events)


NOTHING = Pruned(0, 0)


def count(age: timedelta) -> Pruned:
    """What `prune` would do."""
    with connection.cursor() as cursor:
        parameters: dict[str, Any] = {"age": age, "outcome": OUTCOME}
        cursor.execute(COUNT, parameters)
        streams, events = cursor.fetchone()
    return Pruned(streams, int(events))


def prune(age: timedelta, stopping: Callable[[], bool] = lambda: False) -> Pruned:
    """Prune streams that ended longer than `age` ago, step by step, until none is left or `stopping`."""
    total = NOTHING
    while not stopping():
        pruned, worked_on = step(age)
        total += pruned
        if not worked_on:
            break
    return total


@transaction.atomic
def step(age: timedelta) -> tuple[Pruned, int]:
    """One transaction's worth of pruning, and the number of streams that it worked on.

    Steps take turns, so that two of them cannot wait for each other's projects.
    """
    parameters: dict[str, Any] = {"age": age, "outcome": OUTCOME, "streams": STREAMS, "events": EVENTS}
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [locks.PRUNE])
        cursor.execute(PRUNE, parameters)
        streams, events, worked_on, projects = cursor.fetchone()
        if projects:
            cursor.execute(LEAVE_PROJECTS, [projects])
    return Pruned(streams, events), worked_on


def prune_by_setting(stopping: Callable[[], bool]) -> None:
    """As EVENTS_KEEP_DAYS says; 0 keeps everything."""
    if settings.EVENTS_KEEP_DAYS <= 0:
        return
    pruned = prune(timedelta(days=settings.EVENTS_KEEP_DAYS), stopping)
    if pruned != NOTHING:
        logger.info("%s events of %s old streams pruned", pruned.events, pruned.streams)
