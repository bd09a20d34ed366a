"""Background jobs: how a stream's job is enqueued, worked on, and rescued when its worker dies.

Procrastinate runs the jobs. It leaves stalled ones to its user, and waits for ever for one that does not end
when its worker should: both are dealt with here. What a job writes is fenced by its stream's `attempt`.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn
from uuid import UUID

import psycopg
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import (
    DatabaseError,
    InterfaceError,
    OperationalError,
    close_old_connections,
    connection,
    transaction,
)
from django.utils import timezone
from procrastinate import RetryStrategy, exceptions
from procrastinate.contrib.django import app, connector_params
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.psycopg_connector import PsycopgConnector
from procrastinate.tasks import Task
from procrastinate.types import TimeDeltaParams

from manticscore import errors, locks
from realtime import runs
from realtime.job_manager import PatientJobManager, QueuePool
from realtime.topics import LONG_LIVED

INTERACTIVE = "interactive"  # somebody is waiting
BACKGROUND = "background"

BEHIND = -1  # the priority of a job that lets all others go first

MAX_CRASHES = 3
RESTART_WAIT = 1.0  # seconds before a failed worker starts again
HAND_BACK_AFTER = 2.0  # seconds for jobs that were asked to stop, beyond JOB_DRAIN
HAND_BACK_PATIENCE = 3.0  # seconds for the database to answer

# For tasks: a database that goes away during a run is worth another try from the last checkpoint.
WHEN_DATABASE_FAILS = RetryStrategy(
    max_attempts=5, exponential_wait=2, retry_exceptions=(OperationalError, InterfaceError)
)

STALLED = """
    SELECT job.id, stream.id, job.attempts FROM procrastinate_jobs job
    LEFT JOIN procrastinate_workers worker ON worker.id = job.worker_id
    LEFT JOIN realtime_stream stream ON stream.id::text = job.lock
    WHERE job.status = 'doing'
      AND (worker.id IS NULL OR (worker.last_heartbeat < now() - make_interval(secs => %(after)s)
           -- While the server was down nobody could give a sign of life.
           AND pg_postmaster_start_time() < now() - make_interval(secs => %(after)s)))
    FOR UPDATE OF job SKIP LOCKED
"""
ORPHANED = """
    SELECT s.id FROM realtime_stream s
    WHERE s.closed_seq IS NULL AND NOT s.channel = ANY(%s)
      AND s.updated_at < now() - make_interval(secs => %s)
      AND NOT EXISTS (SELECT 1 FROM procrastinate_jobs job
                      WHERE job.lock = s.id::text AND job.status IN ('todo', 'doing'))
"""

logger = logging.getLogger(__name__)


def defer(
    task: Task[[str], None, [str]],
    stream_id: UUID,
    queue: str = INTERACTIVE,
    *,
    after: int = 0,
    priority: int = 0,
) -> None:
    """Enqueue the job of a stream in the current transaction: row and job exist together or not at all.

    It begins no sooner than `after` seconds from now.
    """
    later: TimeDeltaParams | None = {"seconds": after} if after else None
    place = task.configure(lock=str(stream_id), queue=queue, schedule_in=later, priority=priority)
    place.defer(stream_id=str(stream_id))


def is_enqueued(stream_id: UUID) -> bool:
    """Whether another job of the stream waits."""
    return ProcrastinateJob.objects.filter(lock=str(stream_id), status="todo").exists()


class Worker:
    """A worker and its supervision: restarted when it fails, and rescuing the jobs of dead ones."""

    def __init__(self, concurrency: int | None = None) -> None:
        self._concurrency = concurrency or settings.WORKER_CONCURRENCY
        self._stopping = asyncio.Event()
        self._manager: PatientJobManager | None = None

    async def run(self) -> bool:
        """Work until `stop` is called; whether all jobs have ended then.

        Running jobs get JOB_DRAIN seconds. What is left is handed back and goes on elsewhere from its last
        checkpoint. Its threads cannot be ended, only the process can: see `leave`.
        """
        sweeping = asyncio.create_task(self._sweep_forever(), name="job sweep")
        working = asyncio.create_task(self._work_forever(), name="job worker")
        await self._stopping.wait()
        sweeping.cancel()
        working.cancel()
        _, late = await asyncio.wait([sweeping, working], timeout=settings.JOB_DRAIN + HAND_BACK_AFTER)
        if working in late and self._manager is not None:
            await hand_back(self._manager)
        return working not in late

    def stop(self) -> None:
        self._stopping.set()

    async def _work_forever(self) -> None:
        while True:
            try:
                await self._work()
            except (psycopg.Error, exceptions.ConnectorException) as error:
                logger.warning("worker lost the database, starting again: %r", error)
            except Exception:
                logger.exception("worker failed, starting again")
            await asyncio.sleep(RESTART_WAIT)

    async def _work(self) -> None:
        worker_app = app.with_connector(PsycopgConnector(pool_factory=QueuePool, kwargs=connector_params()))
        self._manager = worker_app.job_manager = PatientJobManager(worker_app.connector)
        try:
            async with worker_app.open_async():
                await worker_app.run_worker_async(
                    concurrency=self._concurrency,
                    install_signal_handlers=False,
                    stalled_worker_timeout=settings.JOB_STALLED_AFTER,
                    fetch_job_polling_interval=1.0,
                    shutdown_graceful_timeout=settings.JOB_DRAIN,
                )
        finally:
            self._manager.stop_heartbeat()

    async def _sweep_forever(self) -> None:
        while True:
            try:
                await sync_to_async(sweep, thread_sensitive=False)()
            except (DatabaseError, InterfaceError, exceptions.ConnectorException) as error:
                logger.warning("cannot look for stalled jobs: %r", error)
            except Exception:
                logger.exception("the search for stalled jobs failed")
            await asyncio.sleep(settings.JOB_SWEEP_INTERVAL)


async def hand_back(manager: PatientJobManager) -> None:
    """If the database is away too, the jobs are missed with their worker and taken over a little later."""
    try:
        async with asyncio.timeout(HAND_BACK_PATIENCE):
            await manager.hand_back()
        logger.warning("jobs that did not end in time were handed back")
    except (TimeoutError, exceptions.ConnectorException) as error:
        logger.warning("jobs that did not end in time could not be handed back: %r", error)


def leave(status: int = 0) -> NoReturn:
    """End the process with jobs still running in its threads. What they write from now on is fenced off."""
    atexit._run_exitfuncs()
    logging.shutdown()
    sys.stdout.flush()
    os._exit(status)


def sweep() -> None:
    """Hand the jobs of dead workers to living ones; end streams that have no job any more.

    A job whose workers died MAX_CRASHES times is taken to be the cause: its stream gets an error. One
    that cannot be helped now, because somebody holds its row, does not keep the others waiting.
    """
    close_old_connections()
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [locks.SWEEP])
            if not cursor.fetchone()[0]:
                return
            cursor.execute(STALLED, {"after": settings.JOB_STALLED_AFTER})
            for job_id, stream_id, attempts in cursor.fetchall():
                one_of_many(rescue, job_id, stream_id, attempts)
            cursor.execute(ORPHANED, [list(LONG_LIVED), settings.JOB_STALLED_AFTER])
            for (stream_id,) in cursor.fetchall():
                logger.error("stream %s is open but has no job", stream_id)
                one_of_many(runs.abandon, stream_id, errors.InternalError())
    finally:
        connection.close()


@dataclass(frozen=True, slots=True)
class Stalled:
    """Jobs of dead workers, and open streams without a job, by id."""

    jobs: list[int]
    streams: list[UUID]


@transaction.atomic
def stalled() -> Stalled:
    """What a sweep would deal with now."""
    with connection.cursor() as cursor:
        cursor.execute(STALLED, {"after": settings.JOB_STALLED_AFTER})
        dead = [job_id for job_id, *_ in cursor.fetchall()]
        cursor.execute(ORPHANED, [list(LONG_LIVED), settings.JOB_STALLED_AFTER])
        return Stalled(dead, [stream_id for (stream_id,) in cursor.fetchall()])


def one_of_many(step: Callable[..., object], *arguments: object) -> None:
    """A step that fails is undone alone, and tried again by the next sweep."""
    try:
        with transaction.atomic():
            step(*arguments)
    except DatabaseError as error:
        logger.warning("a stalled job could not be helped yet: %r", error)


def rescue(job_id: int, stream_id: UUID | None, attempts: int) -> None:
    """Hand the job on, or end it. Of one without a stream nobody counts the crashes: every try was one."""
    crashes = attempts + 1 if stream_id is None else runs.count_crash(stream_id)
    if crashes < MAX_CRASHES:
        logger.warning("job %s lost its worker, handing it on", job_id)
        app.job_manager.retry_job_by_id(job_id, retry_at=timezone.now())
        return
    logger.error("job %s lost its worker %s times, giving up", job_id, crashes)
    with connection.cursor() as cursor:
        cursor.execute("SELECT procrastinate_finish_job_v1(%s, 'failed', false)", [job_id])
    if stream_id is not None:
        runs.abandon(stream_id, errors.WorkerCrashed())
