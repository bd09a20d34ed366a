"""What becomes of jobs whose workers die, with PostgreSQL."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from django.conf import LazySettings
from django.db import DatabaseError, InterfaceError, connection, transaction
from procrastinate import exceptions

from manticscore import locks
from realtime import jobs
from realtime.models import Stream
from research.models import ResearchJob
from research.tasks import recheck_sources, run_research
from tests import factories
from tests.helpers import log
from tests.helpers.threads import at_once

LONG_AGO = "1 hour"
JUST_NOW = "-1 minute"  # and not stalled before the test is over


@pytest.fixture
def queue(transactional_db: None, settings: LazySettings) -> Iterator[None]:
    """An empty queue; its tables are not Django's, so Django does not empty them."""
    settings.JOB_STALLED_AFTER = 0.5  # for as long after its start a database is given time; it may be new
    empty = "TRUNCATE procrastinate_jobs, procrastinate_workers CASCADE"
    query(empty)
    yield
    query(empty)


def query(text: str, *parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(text, parameters)
        return list(cursor.fetchall()) if cursor.description else []


def deferred() -> UUID:
    """A job that waits in the queue."""
    job = factories.research_job()
    jobs.defer(run_research, job.pk)
    return job.pk


def taken(last_heartbeat: str, crashes: int = 0, attempts: int = 0) -> UUID:
    """A job in the hands of a worker that gave its last sign of life so long ago."""
    stream_id = deferred()
    ((worker,),) = query(
        "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - %s::interval) RETURNING id",
        last_heartbeat,
    )
    query(
        "UPDATE procrastinate_jobs SET status = 'doing', worker_id = %s, attempts = %s WHERE lock = %s",
        worker, attempts, str(stream_id),
    )  # fmt: skip
    Stream.objects.filter(id=stream_id).update(crashes=crashes)
    return stream_id


def state(stream_id: UUID) -> tuple[str, int]:
    """Status and attempts of the stream's only queue entry."""
    ((status, attempts),) = query(
        "SELECT status::text, attempts FROM procrastinate_jobs WHERE lock = %s", str(stream_id)
    )
    return status, attempts


def age(stream_id: UUID) -> None:
    query("UPDATE realtime_stream SET updated_at = now() - interval '1 hour' WHERE id = %s", stream_id)


def test_a_job_is_enqueued_with_its_row_or_not_at_all(queue: None) -> None:
    with transaction.atomic():
        deferred()
        transaction.set_rollback(True)
    assert query("SELECT count(*) FROM procrastinate_jobs") == [(0,)]
    stream_id = deferred()
    assert query("SELECT task_name, queue_name, lock, args->>'stream_id' FROM procrastinate_jobs") == [
        ("research.run", "interactive", str(stream_id), str(stream_id))
    ]


def test_a_job_of_a_dead_worker_is_handed_on(queue: None) -> None:
    stream_id = taken(LONG_AGO)
    jobs.sweep()
    assert state(stream_id) == ("todo", 1)
    assert log.stored(stream_id) == []


def test_a_job_whose_worker_is_not_even_listed_any_more_is_handed_on(queue: None) -> None:
    stream_id = taken(JUST_NOW)
    query("DELETE FROM procrastinate_workers")
    jobs.sweep()
    assert state(stream_id) == ("todo", 1)


def test_a_job_of_a_living_worker_is_left_alone(queue: None) -> None:
    stream_id = taken(JUST_NOW)
    age(stream_id)
    jobs.sweep()
    assert state(stream_id) == ("doing", 0)
    assert Stream.objects.get(id=stream_id).closed_seq is None


def test_a_second_crash_is_forgiven_and_a_third_ends_the_run(queue: None) -> None:
    second, third = taken(LONG_AGO, crashes=1), taken(LONG_AGO, crashes=2)
    jobs.sweep()
    assert state(second) == ("todo", 1)
    assert state(third)[0] == "failed"
    assert log.types(second) == []
    assert log.types(third) == ["error", "done"]
    assert log.stored(third)[0][2]["code"] == "WORKER_CRASHED"
    ended = Stream.objects.get(id=third)
    assert (ended.status, ended.closed_seq) == ("failed", 2)


def test_tries_that_no_worker_died_of_are_no_crashes(queue: None) -> None:
    """The queue counts every retry of a job, also those after a database that was away."""
    stream_id = taken(LONG_AGO, attempts=4)
    jobs.sweep()
    assert state(stream_id) == ("todo", 5)


def test_a_stalled_job_that_cannot_be_helped_holds_up_no_other(queue: None) -> None:
    held, free = sorted([taken(LONG_AGO), taken(LONG_AGO)])
    with transaction.atomic():
        Stream.objects.select_for_update().get(id=held)
        at_once(1, lambda number: jobs.sweep())
        assert state(free) == ("todo", 1)
    assert state(held) == ("doing", 0)


def test_an_open_stream_without_a_job_is_ended(queue: None) -> None:
    stream = factories.stream()
    age(stream.id)
    jobs.sweep()
    assert log.types(stream.id) == ["error", "done"]
    assert log.stored(stream.id)[0][2] == {
        "message": "Something went wrong on our side.", "code": "INTERNAL_ERROR", "retryable": True,
    }  # fmt: skip


def test_streams_that_wait_or_have_just_moved_are_no_orphans(queue: None) -> None:
    waiting = deferred()
    age(waiting)
    project, chat = factories.stream(channel="project"), factories.stream(channel="chat")
    closed = factories.stream(closed_seq=0, status="completed")
    for stream in (project, chat, closed):
        age(stream.id)
    fresh = factories.stream()
    jobs.sweep()
    for stream_id in (waiting, project.id, chat.id, closed.id, fresh.id):
        assert log.stored(stream_id) == []
    assert Stream.objects.filter(attempt=1, id__in=[project.id, chat.id, closed.id, fresh.id]).count() == 4


def test_sweeps_that_meet_act_once(queue: None) -> None:
    crashed = [taken(LONG_AGO, crashes=2) for _ in range(3)]
    lost = [taken(LONG_AGO) for _ in range(3)]
    at_once(6, lambda number: jobs.sweep())
    for stream_id in crashed:
        assert log.types(stream_id) == ["error", "done"]
    for stream_id in lost:
        assert state(stream_id) == ("todo", 1)


def test_a_sweep_does_nothing_while_another_one_runs(queue: None) -> None:
    stream_id = taken(LONG_AGO)
    with transaction.atomic():
        query("SELECT pg_advisory_xact_lock(%s)", locks.SWEEP)
        at_once(1, lambda number: jobs.sweep())
        assert state(stream_id) == ("doing", 0)
    jobs.sweep()
    assert state(stream_id) == ("todo", 1)


def test_a_job_that_was_deleted_while_it_waited_is_no_failure(queue: None) -> None:
    stream_id = deferred()
    ResearchJob.objects.filter(pk=stream_id).delete()
    run_research(str(stream_id))
    assert log.stored(stream_id) == []


@pytest.mark.parametrize(
    "failure",
    [DatabaseError("busy"), InterfaceError("closed"), exceptions.ConnectorException(), KeyError("x")],
)
async def test_a_sweep_that_fails_is_not_the_last_one(
    failure: Exception, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.JOB_SWEEP_INTERVAL = 0.001
    again, calls = threading.Event(), []

    def failing() -> None:
        calls.append(1)
        if len(calls) == 1:
            raise failure
        again.set()

    monkeypatch.setattr(jobs, "sweep", failing)
    sweeping = asyncio.create_task(jobs.Worker()._sweep_forever())
    try:
        assert await asyncio.to_thread(again.wait, 10)
    finally:
        sweeping.cancel()
        await asyncio.gather(sweeping, return_exceptions=True)


@pytest.mark.parametrize("failure", [exceptions.ConnectorException(), RuntimeError("unforeseen")])
async def test_a_worker_that_fails_starts_again(failure: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "RESTART_WAIT", 0.001)
    again, calls = asyncio.Event(), []

    async def failing(worker: jobs.Worker) -> None:
        calls.append(1)
        if len(calls) == 1:
            raise failure
        again.set()

    monkeypatch.setattr(jobs.Worker, "_work", failing)
    working = asyncio.create_task(jobs.Worker()._work_forever())
    try:
        await asyncio.wait_for(again.wait(), 10)
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


def taken_without_stream(attempts: int, lock: str | None) -> int:
    """A job of no stream, in the hands of a worker that is dead, after so many tries."""
    job_id = recheck_sources.configure(lock=lock).defer(source_ids=[])
    query("UPDATE procrastinate_jobs SET status = 'doing', attempts = %s WHERE id = %s", attempts, job_id)
    return job_id


@pytest.mark.parametrize("lock", [None, "pages of one.example", "6f7d3d5e-54a5-4b7e-9d3f-0a6f2b1c4e8d"])
def test_a_job_without_a_stream_that_kills_its_workers_ends_too(queue: None, lock: str | None) -> None:
    job_id = taken_without_stream(0, lock)
    found = []
    for _ in range(3):
        jobs.sweep()
        found += query("SELECT status::text, attempts FROM procrastinate_jobs WHERE id = %s", job_id)
        query("UPDATE procrastinate_jobs SET status = 'doing' WHERE id = %s AND status = 'todo'", job_id)
    assert found == [("todo", 1), ("todo", 2), ("failed", 3)]
