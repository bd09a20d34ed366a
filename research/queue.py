"""Who may run now. An account runs a few pieces of research at a time, and a few more wait for their turn.

A job that waits stands in the job queue like any other, to begin at a later time. When it is due, or when
the account has room again, it looks once more; so nothing has to remember it, and no crash loses it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from manticscore import locks
from research.models import ResearchJob

LOOK_AGAIN = 30  # seconds; what ends a run of the account makes it sooner

LOAD = """
    SELECT count(*) FILTER (WHERE NOT job.is_waiting), count(*) FILTER (WHERE job.is_waiting)
    FROM realtime_stream s JOIN research_researchjob job ON job.stream_id = s.id
    WHERE s.owner_id = %(owner)s AND s.channel = 'research' AND s.closed_seq IS NULL
      AND (%(before)s::timestamptz IS NULL OR NOT job.is_waiting OR s.created_at < %(before)s)
"""
# Procrastinate has no call that brings jobs forward by their lock.
WAKE = """
    UPDATE procrastinate_jobs SET scheduled_at = now() WHERE id = (
        SELECT entry.id
        FROM procrastinate_jobs entry
        JOIN realtime_stream s ON s.id::text = entry.lock
        JOIN research_researchjob job ON job.stream_id = s.id
        WHERE entry.status = 'todo' AND entry.scheduled_at > now() AND job.is_waiting
          AND s.closed_seq IS NULL AND s.id <> %(ended)s
          AND s.owner_id = (SELECT owner_id FROM research_researchjob WHERE stream_id = %(ended)s)
        ORDER BY s.created_at LIMIT 1
        FOR UPDATE OF entry SKIP LOCKED)  -- two that end at once make two begin
"""


@dataclass(frozen=True, slots=True)
class Load:
    """An account's unfinished research: begun or about to begin, and waiting for that."""

    running: int
    waiting: int

    @property
    def has_room(self) -> bool:
        """For one that comes after all who wait."""
        return self.running + self.waiting < settings.RESEARCH_RUNNING

    @property
    def is_full(self) -> bool:
        return self.waiting >= settings.RESEARCH_WAITING


def lock(owner_id: str) -> None:
    """Until the transaction ends nobody else decides what this account may run."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [locks.RESEARCH_QUEUE, owner_id])


def load(owner_id: str, before: datetime | None = None) -> Load:
    """`before` leaves out those that began to wait later."""
    with connection.cursor() as cursor:
        cursor.execute(LOAD, {"owner": owner_id, "before": before})
        return Load(*cursor.fetchone())


@transaction.atomic
def admit(job: ResearchJob) -> bool:
    """Whether the job may begin now: in turn, or to be cancelled."""
    if not job.is_waiting or job.stream.cancel_requested_at is not None:
        return True
    lock(job.owner_id)
    if not load(job.owner_id, before=job.stream.created_at).has_room:
        return False
    ResearchJob.objects.filter(pk=job.pk).update(is_waiting=False)
    return True


def wake(ended: UUID) -> None:
    """A job ends with this transaction: then the next that waits for its place looks."""
    with connection.cursor() as cursor:
        cursor.execute(WAKE, {"ended": ended})
