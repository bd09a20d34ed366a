"""Procrastinate's access to its queue, with two habits it lacks: fencing, and patience."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

import psycopg
import psycopg_pool
from django.utils import timezone
from procrastinate import exceptions
from procrastinate.jobs import Job, Status
from procrastinate.manager import JobManager

from realtime.heartbeat import Heartbeat

RETRY_WAIT = 1.0  # seconds between tries while the database is away

# The queue entry, if it is still in the hands of that worker.
HELD = """
    WITH held AS (SELECT id FROM procrastinate_jobs
                  WHERE id = %(job_id)s AND worker_id = %(worker_id)s AND status = 'doing' FOR UPDATE)
"""
FINISH = HELD + "SELECT procrastinate_finish_job_v1(id, %(status)s, %(delete_job)s) FROM held"
RETRY = HELD + (
    "SELECT procrastinate_retry_job_v2(id, %(retry_at)s, %(priority)s, %(queue)s, %(lock)s) FROM held"
)
HAND_BACK = """
    SELECT procrastinate_retry_job_v2(id, now(), NULL, NULL, NULL)
    FROM procrastinate_jobs WHERE worker_id = %(worker_id)s AND status = 'doing'
"""
# While the server was down nobody could give a sign of life, and a worker that is well needs a moment.
FORGET_DEAD = """
    DELETE FROM procrastinate_workers
    WHERE last_heartbeat < now() - make_interval(secs => %(seconds)s)
      AND pg_postmaster_start_time() < now() - make_interval(secs => %(seconds)s)
    RETURNING id
"""

# The database is away, or it believes that this worker died: the next heartbeat corrects that.
PASSING = (psycopg.OperationalError, psycopg.InterfaceError, psycopg.errors.ForeignKeyViolation)

T = TypeVar("T")
logger = logging.getLogger(__name__)


class QueuePool(psycopg_pool.AsyncConnectionPool):
    """A worker's connections to its queue: a pool that, left to itself, asks less and less often."""

    def __init__(self, **options: Any) -> None:
        super().__init__(min_size=1, max_size=4, timeout=3.0, reconnect_timeout=5.0, **options)

    async def open(self, wait: bool = False, timeout: float = 3.0) -> None:  # noqa: ASYNC109  # psycopg's
        """As it is. With `wait`, for less long: the worker's supervision tries again."""
        await super().open(wait, min(timeout, self.timeout))


class PatientJobManager(JobManager):
    """The queue as one worker sees it.

    Fenced: only the worker that holds a job says what becomes of it; one that was overtaken is not heard.
    Patient: while the database is away the worker waits for it, with its jobs, and what became of a
    job is told as soon as somebody listens. An outage is one line in the log.
    """

    heartbeat: Heartbeat | None = None
    worker_id: int | None = None
    _away = False

    async def register_worker(self) -> int:
        self.worker_id = await super().register_worker()
        self.heartbeat = Heartbeat(self.worker_id)
        return self.worker_id

    async def update_heartbeat(self, worker_id: int) -> None:
        """Nothing: the thread does it."""

    async def unregister_worker(self, worker_id: int) -> None:
        self.stop_heartbeat()
        await super().unregister_worker(worker_id)

    def stop_heartbeat(self) -> None:
        if self.heartbeat is not None:
            self.heartbeat.stop()

    async def prune_stalled_workers(self, seconds_since_heartbeat: float) -> list[int]:
        rows = await self.connector.execute_query_all_async(FORGET_DEAD, seconds=seconds_since_heartbeat)
        return [row["id"] for row in rows]

    async def fetch_job(self, queues: Iterable[str] | None, worker_id: int) -> Job | None:
        return await self._or(None, super().fetch_job(queues=queues, worker_id=worker_id))

    async def list_jobs_to_abort_async(self, queue: str | None = None) -> Iterable[int]:
        return await self._or([], super().list_jobs_to_abort_async(queue))

    async def defer_periodic_job(self, job: Job, periodic_id: str, defer_timestamp: int) -> int | None:
        defer = super().defer_periodic_job
        return await self._patiently(partial(defer, job, periodic_id, defer_timestamp))

    async def listen_for_jobs(self, **options: Any) -> None:
        await self._patiently(partial(super().listen_for_jobs, **options))

    async def finish_job(self, job: Job, status: Status, delete_job: bool) -> None:
        told = {"status": status.value, "delete_job": delete_job}
        await self._tell(FINISH, job, **told)

    async def retry_job(
        self,
        job: Job,
        retry_at: datetime | None = None,
        priority: int | None = None,
        queue: str | None = None,
        lock: str | None = None,
    ) -> None:
        changes = {"priority": priority, "queue": queue, "lock": lock}
        await self._tell(RETRY, job, retry_at=retry_at or timezone.now(), **changes)

    async def hand_back(self) -> None:
        """Whatever this worker still holds may be taken by others at once; it is no crash."""
        await self.connector.execute_query_async(HAND_BACK, worker_id=self.worker_id)

    async def _tell(self, statement: str, job: Job, **values: Any) -> None:
        held = {"job_id": job.id, "worker_id": job.worker_id}
        await self._patiently(partial(self.connector.execute_query_async, statement, **held, **values))

    async def _or(self, instead: T, asking: Awaitable[T]) -> T:
        """The answer, or `instead` when the database is away."""
        try:
            answer = await asking
        except exceptions.ConnectorException as error:
            await self._bear(error)
            return instead
        self._note_answer()
        return answer

    async def _patiently(self, ask: Callable[[], Awaitable[T]]) -> T:
        while True:
            try:
                answer = await ask()
            except exceptions.ConnectorException as error:
                await self._bear(error)
            else:
                self._note_answer()
                return answer

    async def _bear(self, error: exceptions.ConnectorException) -> None:
        """Wait a moment when the database is away; raise what is another failure."""
        if not isinstance(error.__cause__, PASSING):
            raise error
        if not self._away:
            self._away = True
            logger.warning("the job queue cannot be reached, waiting for the database: %r", error.__cause__)
        await asyncio.sleep(RETRY_WAIT)

    def _note_answer(self) -> None:
        if self._away:
            self._away = False
            logger.warning("the job queue is back")  # as loud as its loss
