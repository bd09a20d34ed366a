"""Workers that are killed, frozen and poisoned. Every one is a real process."""

from __future__ import annotations

import random
import signal
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from tests.faults.story import STAGES, check_finished, stages
from tests.helpers.installation import Installation, until
from tests.helpers.visitors import Visitor

pytestmark = pytest.mark.faults
BUSY = {"DJANGO_SETTINGS_MODULE": "tests.faults.busy.settings"}
POINTS = [f"{stage}:{moment}" for stage in STAGES for moment in ("started", "computed", "completed")]


@pytest.mark.parametrize("point", POINTS)
def test_a_run_survives_its_worker_being_killed(
    installation: Installation, visitor: Visitor, tmp_path: Path, point: str
) -> None:
    crash = {"CRASH_AT": point, "CRASH_ONCE": str(tmp_path / "crashed")}
    with installation.work(**crash) as one, installation.work(**crash) as other:
        job_id = visitor.start()
        events = check_finished(installation, visitor, job_id)
        dead = [worker for worker in (one, other) if not worker.is_running]
        assert [worker.wait() for worker in dead] == [-signal.SIGKILL]
    stage, moment = point.split(":")
    repeated = [] if moment == "completed" else [stage]
    assert sorted(stages(events, "started")) == sorted(STAGES + repeated)
    resumed = STAGES[STAGES.index(stage) + (moment == "completed") :]
    told = [event["data"] for event in events if event["event"] == "stage"]
    again = {data["name"] for data in told if data.get("attempt") == 2}
    assert again == set(resumed)
    assert visitor.http.get(f"/research/{job_id}/status").json()["attempt"] == 2


def test_a_run_that_kills_every_worker_ends_with_an_error(
    installation: Installation, visitor: Visitor
) -> None:
    with ExitStack() as running:
        workers = [running.enter_context(installation.work(CRASH_AT="search:started")) for _ in range(4)]
        events = visitor.events(visitor.start())[1:]
        dead = [worker for worker in workers if not worker.is_running]
        assert [worker.wait() for worker in dead] == [-signal.SIGKILL] * 3
    assert [event["data"]["seq"] for event in events] == list(range(1, len(events) + 1))
    assert stages(events, "started") == ["interpret", "search", "search", "search"]
    assert stages(events, "completed") == ["interpret"]
    assert [event["event"] for event in events[-2:]] == ["error", "done"]
    assert events[-2]["data"] | {"seq": 0, "entity_id": "", "channel": ""} == {
        "message": "The worker died repeatedly while it was running this job.",
        "code": "WORKER_CRASHED", "retryable": True, "seq": 0, "entity_id": "", "channel": "",
    }  # fmt: skip


@pytest.mark.parametrize("point", ["search:started", "persist:computed"])
def test_a_frozen_worker_that_was_overtaken_writes_nothing_when_it_wakes(
    installation: Installation, visitor: Visitor, tmp_path: Path, point: str
) -> None:
    freeze = {"CRASH_AT": point, "CRASH_ONCE": str(tmp_path / "frozen"), "CRASH_SIGNAL": "SIGSTOP"}
    with installation.work(**freeze) as zombie:
        job_id = visitor.start()
        until(lambda: zombie.is_frozen, f"the worker to freeze at {point}")
        with installation.work():
            before = check_finished(installation, visitor, job_id)
        zombie.signal(signal.SIGCONT)
        # It is of use again: nobody else is there to do this job.
        check_finished(installation, visitor, visitor.start())
        assert zombie.stop() == 0
    assert check_finished(installation, visitor, job_id) == before
    assert "Traceback" not in zombie.output


def test_a_worker_that_wakes_does_not_end_the_job_that_another_one_has(
    installation: Installation, visitor: Visitor, tmp_path: Path
) -> None:
    freeze = {"CRASH_ONCE": str(tmp_path / "frozen"), "CRASH_SIGNAL": "SIGSTOP"}
    alone = {"JOB_SWEEP_INTERVAL": "600"}  # it must not take the job back when it wakes
    with installation.work(CRASH_AT="search:computed", **freeze, **alone) as zombie:
        job_id = visitor.start()
        until(lambda: zombie.is_frozen, "the worker to freeze")
        crash = {"CRASH_AT": "analyze:started", "CRASH_SIGNAL": "SIGSTOP"}
        with installation.work(**crash) as other:
            until(lambda: other.is_frozen, "the other worker to freeze")
            zombie.signal(signal.SIGCONT)
            assert zombie.stop() == 0
            state = "SELECT status::text FROM procrastinate_jobs WHERE lock = %s"
            assert installation.query(state, job_id) == [("doing",)]
            other.kill()
    with installation.work():
        events = check_finished(installation, visitor, job_id)
    assert stages(events, "started").count("search") == 2


def test_runs_survive_kills_at_random_moments(installation: Installation, visitor: Visitor) -> None:
    with ExitStack() as running:
        worker = running.enter_context(installation.work())
        for number in range(5):
            job_id = visitor.start(f"a recipe box for families, number {number}")
            target = random.randrange(19)
            seen = "SELECT last_seq >= %s OR closed_seq IS NOT NULL FROM realtime_stream WHERE id = %s"
            until(lambda: installation.query(seen, target, job_id) == [(True,)], f"event {target}")  # noqa: B023
            worker.kill()
            worker = running.enter_context(installation.work())
            check_finished(installation, visitor, job_id)


def test_a_worker_that_is_asked_to_stop_finishes_what_it_does(
    installation: Installation, visitor: Visitor
) -> None:
    with installation.work() as worker:
        with installation.holding_jobs():
            job_id = visitor.start()
            taken = "SELECT attempt FROM realtime_stream WHERE id = %s"
            until(lambda: installation.query(taken, job_id) == [(1,)], "the worker to take the job")
            worker.signal(signal.SIGTERM)
        assert worker.wait() == 0
    events = check_finished(installation, visitor, job_id)
    assert stages(events, "started") == STAGES


def defer(installation: Installation, task: str, **arguments: Any) -> int:
    """A job of tests/faults/busy."""
    statement = (
        "INSERT INTO procrastinate_jobs (queue_name, task_name, args) VALUES ('default', %s, %s) RETURNING id"
    )
    ((number,),) = installation.query(statement, task, Jsonb(arguments))
    return int(number)


def state(installation: Installation, job: int) -> tuple[str, int]:
    """Status, and how often the job was given back."""
    (row,) = installation.query("SELECT status::text, attempts FROM procrastinate_jobs WHERE id = %s", job)
    return row[0], row[1]


@pytest.mark.parametrize("task", ["busy.compute", "busy.block"])
def test_a_busy_worker_is_not_taken_for_dead(installation: Installation, task: str) -> None:
    """For longer than a sign of life may be missing, while another worker looks for the dead."""
    with installation.work(**BUSY, JOB_STALLED_AFTER="1") as one:
        job = defer(installation, task, seconds=2.5)
        until(lambda: state(installation, job) == ("doing", 0), "the job to begin")
        with installation.work(**BUSY, JOB_STALLED_AFTER="1") as other:
            until(lambda: state(installation, job)[0] != "doing", "the job to end")
            assert state(installation, job) == ("succeeded", 1)
            assert "lost its worker" not in one.output + other.output


def test_a_worker_that_was_believed_dead_gets_its_place_back(installation: Installation) -> None:
    with installation.work(**BUSY):
        alive = "SELECT id FROM procrastinate_workers WHERE last_heartbeat > now() - interval '2 s'"
        (worker,) = until(lambda: installation.query(alive), "the worker to register")
        installation.query("DELETE FROM procrastinate_workers")
        job = defer(installation, "busy.compute", seconds=0)
        until(lambda: state(installation, job)[0] == "succeeded", "the job to be done")
        assert installation.query(alive) == [worker]


def test_a_job_that_does_not_end_is_handed_back(installation: Installation, tmp_path: Path) -> None:
    with installation.work(**BUSY, JOB_DRAIN="0.2") as worker:
        job = defer(installation, "busy.hang", marker=str(tmp_path / "hung"))
        until((tmp_path / "hung").exists, "the job to begin")
        began = time.monotonic()
        assert worker.stop() == 0
        assert time.monotonic() - began < 30
        assert "handed back" in worker.output
    assert state(installation, job) == ("todo", 1)
    with installation.work(**BUSY):
        until(lambda: state(installation, job)[0] == "succeeded", "another worker to do it")


def test_a_server_hands_back_too(installation: Installation, tmp_path: Path) -> None:
    with installation.serve(**BUSY, JOB_DRAIN="0.2") as server:
        job = defer(installation, "busy.hang", marker=str(tmp_path / "hung"))
        until((tmp_path / "hung").exists, "the job to begin")
        assert server.stop() == 0
    assert state(installation, job) == ("todo", 1)
    installation.query("DELETE FROM procrastinate_jobs WHERE id = %s", job)


def test_a_worker_waits_for_a_database_that_is_away(installation: Installation, visitor: Visitor) -> None:
    """Connections are cut and none is accepted, as when the server is restarted, with runs under way."""
    with installation.work() as worker:
        job_ids = [visitor.finish(), visitor.start("a recipe box for two"), visitor.start("a recipe box")]
        for outages in (1, 2):
            with installation.unreachable():
                told = "waiting for the database"
                until(lambda: worker.output.count(told) == outages, "the worker to notice")  # noqa: B023
            told = "the job queue is back"
            until(lambda: worker.output.count(told) == outages, "the worker to find it again")  # noqa: B023
            # Somebody is there to take it, and it is the same process.
            job_ids.append(visitor.start(f"a recipe box after {outages} outages"))
        for job_id in job_ids:
            check_finished(installation, visitor, job_id)
        assert worker.is_running
        assert "Traceback" not in worker.output
        crashes = "SELECT sum(crashes) FROM realtime_stream WHERE id = ANY(%s::uuid[])"
        assert installation.query(crashes, job_ids) == [(0,)]
