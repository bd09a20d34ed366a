"""Research beyond an account's capacity, on a real server with a worker: it waits, says so, and runs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.helpers import environment
from tests.helpers.installation import Installation, fresh_database
from tests.helpers.visitors import Visitor


@pytest.fixture
def visitor(prepared: str) -> Iterator[Visitor]:
    with fresh_database("waiting", template=prepared) as url:
        installation = Installation(environment.DIRECTORY / "waiting", url, RESEARCH_RUNNING="1")
        with installation.serve() as server, Visitor(server) as made:
            yield made


def test_what_waits_runs_when_the_other_is_done(visitor: Visitor) -> None:
    ideas = [
        "a recipe box for families",
        "a password manager for teams",
        "a meal planner with shopping lists",
    ]
    answers = [visitor.http.post("/research", json={"idea": idea}) for idea in ideas]
    assert [answer.status_code for answer in answers] == [202] * 3
    ids = [answer.json()["job_id"] for answer in answers]
    told = [visitor.events(job_id) for job_id in ids]
    assert [events[-1]["event"] for events in told] == ["done"] * 3
    waited = [
        any(event["event"] == "progress" and event["data"]["stage"] == "waiting" for event in events)
        for events in told
    ]
    assert waited == ["waiting" in answer.json() for answer in answers]
    assert waited[0] is False
    states = [visitor.http.get(f"/research/{job_id}/status").json() for job_id in ids]
    assert [(state["status"], state["waiting"]) for state in states] == [("completed", False)] * 3
