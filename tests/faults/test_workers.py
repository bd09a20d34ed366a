"""Workers that are killed, frozen and poisoned. Every one is a real process."""

from __future__ import annotations

import random
import signal
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from tests.faults.story import STAGES, check_finished, stages
from tests.helpers.installation import Installation, Running, until
from tests.helpers.visitors import Visitor

pytestmark = pytest.mark.faults
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


def frozen(worker: Running) -> bool:
    return psutil.Process(worker.pid).status() == psutil.STATUS_STOPPED


@pytest.mark.parametrize("point", ["search:started", "persist:computed"])
def test_a_frozen_worker_that_was_overtaken_writes_nothing_when_it_wakes(
    installation: Installation, visitor: Visitor, tmp_path: Path, point: str
) -> None:
    freeze = {"CRASH_AT": point, "CRASH_ONCE": str(tmp_path / "frozen"), "CRASH_SIGNAL": "SIGSTOP"}
    with installation.work(**freeze) as zombie:
        job_id = visitor.start()
        until(lambda: frozen(zombie), f"the worker to freeze at {point}")
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
        until(lambda: frozen(zombie), "the worker to freeze")
        crash = {"CRASH_AT": "analyze:started", "CRASH_SIGNAL": "SIGSTOP"}
        with installation.work(**crash) as other:
            until(lambda: frozen(other), "the other worker to freeze")
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
