"""Workers that are killed in the middle of feature deep research, or before it is chained."""

from __future__ import annotations

import json
import signal
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.faults.story import stages
from tests.helpers.installation import Installation, Running
from tests.helpers.visitors import Event, Visitor

pytestmark = pytest.mark.faults
STAGES = ["scope", "gather", "analyze", "synthesize"]
POINTS = [f"{stage}:{moment}" for stage in STAGES for moment in ("started", "computed", "completed")]
BODY = {
    "idea": "a recipe box for families that makes a shopping list from the meal plan",
    "features": [
        {"id": "1", "name": "shopping list", "source": "user"},
        {"id": "2", "name": "meal plan", "source": "user"},
    ],
}


def events(visitor: Visitor, job_id: str) -> list[Event]:
    """The whole stream of a job, to its end, without what belongs to the connection."""
    response = visitor.http.get(f"/feature-research/{job_id}/events").raise_for_status()
    found = [json.loads(line) for line in response.text.splitlines()]
    assert found[0]["event"] == "stream_start"
    assert found[0]["data"]["job_id"] == job_id
    return [event for event in found if "seq" in event["data"]]


def check_finished(installation: Installation, visitor: Visitor, job_id: str) -> list[Event]:
    told = events(visitor, job_id)
    assert [event["data"]["seq"] for event in told] == list(range(1, len(told) + 1))
    assert stages(told, "completed") == STAGES
    assert [event["event"] for event in told[-2:]] == ["result", "done"]
    assert {event["data"]["channel"] for event in told} == {"feature_research"}
    result = visitor.http.get(f"/feature-research/{job_id}/result").raise_for_status().json()
    assert result["artifact_hash"] == told[-2]["data"]["artifact_hash"]
    rows = "SELECT count(*), count(DISTINCT key) FROM research_featureevidence WHERE job_id = %s"
    ((count, distinct),) = installation.query(rows, job_id)
    assert (
        count == distinct == len(result["evidence"]) == result["artifact"]["provenance"]["evidence_count"] > 0
    )
    return told


def one_died(workers: list[Running]) -> None:
    dead = [worker for worker in workers if not worker.is_running]
    assert [worker.wait() for worker in dead] == [-signal.SIGKILL]


@pytest.mark.parametrize("point", POINTS)
def test_a_run_survives_its_worker_being_killed(
    installation: Installation, visitor: Visitor, tmp_path: Path, point: str
) -> None:
    crash = {"CRASH_AT": point, "CRASH_ONCE": str(tmp_path / "crashed")}
    with ExitStack() as running:
        workers = [running.enter_context(installation.work(**crash)) for _ in range(2)]
        job_id = visitor.http.post("/feature-research", json=BODY).raise_for_status().json()["job_id"]
        told = check_finished(installation, visitor, job_id)
        one_died(workers)
    stage, moment = point.split(":")
    repeated = [] if moment == "completed" else [stage]
    assert sorted(stages(told, "started")) == sorted(STAGES + repeated)
    assert visitor.http.get(f"/feature-research/{job_id}/status").json()["attempt"] == 2


def test_market_research_whose_worker_is_killed_at_its_end_is_followed_once(
    installation: Installation, visitor: Visitor, tmp_path: Path
) -> None:
    crash = {"CRASH_AT": "persist:completed", "CRASH_ONCE": str(tmp_path / "crashed")}
    with ExitStack() as running:
        workers = [running.enter_context(installation.work(**crash)) for _ in range(2)]
        asked = {"idea": BODY["idea"], "mode": "feature"}
        market_id = visitor.http.post("/research", json=asked).raise_for_status().json()["job_id"]
        told = visitor.events(market_id)
        (chained,) = [event["data"] for event in told if event["event"] == "feature_research.chained"]
        assert chained["status"] == "queued"
        check_finished(installation, visitor, chained["job_id"])
        one_died(workers)
    jobs = "SELECT stream_id::text FROM research_featureresearchjob WHERE research_id = %s"
    assert installation.query(jobs, market_id) == [(chained["job_id"],)]
