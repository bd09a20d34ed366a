"""Background jobs: how a stream's job is enqueued, worked on, and rescued when its worker dies.

Procrastinate runs the jobs. It does not fence, leaves stalled jobs to its user, and ends its worker when
the database restarts. All three are dealt with here; what a job writes is fenced by its stream's `attempt`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
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
from procrastinate.jobs import Job, Status
from procrastinate.manager import JobManager
from procrastinate.psycopg_connector import PsycopgConnector
from procrastinate.tasks import Task

from manticscore import errors, locks
from realtime import runs
from realtime.topics import LONG_LIVED

INTERACTIVE = "interactive"  # somebody is waiting
BACKGROUND = "background"

MAX_CRASHES = 3
DRAIN = 10.0  # seconds a stopping worker waits for its jobs
RESTART_WAIT = 1.0  # seconds before a failed worker starts again

# For tasks: a database that goes away during a run is worth another try from the last checkpoint.
WHEN_DATABASE_FAILS = RetryStrategy(
    max_attempts=5, exponential_wait=2, retry_exceptions=(OperationalError, InterfaceError)
)

STALLED = """
    SELECT job.id, job.lock FROM procrastinate_jobs job
    LEFT JOIN procrastinate_workers worker ON worker.id = job.worker_id
    WHERE job.status = 'doing'
      AND (worker.id IS NULL OR worker.last_heartbeat < now() - make_interval(secs => %s))
    FOR UPDATE OF job SKIP LOCKED
"""
ORPHANED = """
    SELECT s.id FROM realtime_stream s
    WHERE s.closed_seq IS NULL AND NOT s.channel = ANY(%s)
      AND s.updated_at < now() - make_interval(secs => %s)
      AND NOT EXISTS (SELECT 1 FROM procrastinate_jobs job
                      WHERE job.lock = s.id::text AND job.status IN ('todo', 'doing'))
"""

# The queue entry, if it is still in the hands of that worker.
HELD = """
    WITH held AS (SELECT id FROM procrastinate_jobs
                  WHERE id = %(job_id)s AND worker_id = %(worker_id)s AND status = 'doing' FOR UPDATE)
"""
FINISH = HELD + "SELECT procrastinate_finish_job_v1(id, %(status)s, %(delete_job)s) FROM held"
RETRY = HELD + (
    "SELECT procrastinate_retry_job_v2(id, %(retry_at)s, %(priority)s, %(queue)s, %(lock)s) FROM held"
)

logger = logging.getLogger(__name__)


def defer(task: Task[[str], None, [str]], stream_id: UUID, queue: str = INTERACTIVE) -> None:
    """Enqueue the job of a stream in the current transaction: row and job exist together or not at all."""
    task.configure(lock=str(stream_id), queue=queue).defer(stream_id=str(stream_id))


class FencedJobManager(JobManager):
    """Only the worker that holds a job says what becomes of it; one that was overtaken is not heard."""

    async def finish_job(self, job: Job, status: Status, delete_job: bool) -> None:
        await self.connector.execute_query_async(
            FINISH, job_id=job.id, worker_id=job.worker_id, status=status.value, delete_job=delete_job
        )

    async def retry_job(
        self,
        job: Job,
        retry_at: datetime | None = None,
        priority: int | None = None,
        queue: str | None = None,
        lock: str | None = None,
    ) -> None:
        changes = {"priority": priority, "queue": queue, "lock": lock}
        await self.connector.execute_query_async(
            RETRY, job_id=job.id, worker_id=job.worker_id, retry_at=retry_at or timezone.now(), **changes
        )


class Worker:
    """A worker and its supervision: restarted when it fails, and rescuing the jobs of dead ones."""

    def __init__(self, concurrency: int | None = None) -> None:
        self._concurrency = concurrency or settings.WORKER_CONCURRENCY
        self._stopping = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def run(self) -> None:
        """Work until `stop` is called; then wait for running jobs for at most DRAIN seconds."""
        sweeping = asyncio.create_task(self._sweep_forever(), name="job sweep")
        working = asyncio.create_task(self._work_forever(), name="job worker")
        await self._stopping.wait()
        sweeping.cancel()
        working.cancel()
        await asyncio.gather(sweeping, working, return_exceptions=True)

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
        worker_app = app.with_connector(PsycopgConnector(kwargs=connector_params()))
        worker_app.job_manager = FencedJobManager(worker_app.connector)
        async with worker_app.open_async():
            await worker_app.run_worker_async(
                concurrency=self._concurrency,
                install_signal_handlers=False,
                update_heartbeat_interval=settings.JOB_HEARTBEAT,
                stalled_worker_timeout=settings.JOB_STALLED_AFTER,
                fetch_job_polling_interval=1.0,
                shutdown_graceful_timeout=DRAIN,
            )

    async def _sweep_forever(self) -> None:
        while True:
            try:
                await sync_to_async(sweep, thread_sensitive=False)()
            except (DatabaseError, InterfaceError, exceptions.ConnectorException) as error:
                logger.warning("cannot look for stalled jobs: %r", error)
            except Exception:
                logger.exception("the search for stalled jobs failed")
            await asyncio.sleep(settings.JOB_SWEEP_INTERVAL)


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
            cursor.execute(STALLED, [settings.JOB_STALLED_AFTER])
            for job_id, lock in cursor.fetchall():
                one_of_many(rescue, job_id, lock)
            cursor.execute(ORPHANED, [list(LONG_LIVED), settings.JOB_STALLED_AFTER])
            for (stream_id,) in cursor.fetchall():
                logger.error("stream %s is open but has no job", stream_id)
                one_of_many(runs.abandon, stream_id, errors.InternalError())
    finally:
        connection.close()


def one_of_many(step: Callable[..., object], *arguments: object) -> None:
    """A step that fails is undone alone, and tried again by the next sweep."""
    try:
        with transaction.atomic():
            step(*arguments)
    except DatabaseError as error:
        logger.warning("a stalled job could not be helped yet: %r", error)


def rescue(job_id: int, lock: str | None) -> None:
    crashes = runs.count_crash(UUID(lock)) if lock else 1
    if crashes < MAX_CRASHES:
        logger.warning("job %s lost its worker, handing it on", job_id)
        app.job_manager.retry_job_by_id(job_id, retry_at=timezone.now())
        return
    logger.error("job %s lost its worker %s times, giving up", job_id, crashes)
    with connection.cursor() as cursor:
        cursor.execute("SELECT procrastinate_finish_job_v1(%s, 'failed', false)", [job_id])
    if lock:
        runs.abandon(UUID(lock), errors.WorkerCrashed())
