"""Workers that are killed while they plan a graph, take a node apart, or ship it. Every one is real."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from tests.helpers.github_server import REPOSITORY, TOKEN, GitHubServer, github_server
from tests.helpers.installation import FIELD_KEY, Installation, until
from tests.helpers.visitors import Event, Visitor

pytestmark = pytest.mark.faults
LABELS = ("Shopping list", "OAuth sign-in", "Meal planning")
PLANNING = ("gather:started", "gather:completed", "plan:started", "plan:branch-1", "plan:computed",
            "plan:completed", "check:completed")  # fmt: skip
SHIPPING = ("ship:asking", "ship:sending", "ship:created", "ship:recorded")
EXPANDING = ("expand:started", "expand:stored", "expand:completed")
NODES = 12  # of that plan before anything is expanded


def start(visitor: Visitor) -> str:
    body = {"idea": "a recipe box", "features": [{"label": label} for label in LABELS]}
    answer = visitor.http.post("/build-graphs", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["graph_id"])


def told(visitor: Visitor, graph_id: str, cursor: int = 0) -> list[Event]:
    """Everything after the cursor, until the stream ends."""
    answer = visitor.http.get(f"/build-graphs/{graph_id}/events", params={"cursor": cursor})
    lines = [json.loads(line) for line in answer.raise_for_status().text.splitlines()]
    return [line for line in lines if "seq" in line["data"]]


def tree(visitor: Visitor, graph_id: str) -> dict[str, Any]:
    found: dict[str, Any] = visitor.http.get(f"/build-graphs/{graph_id}").raise_for_status().json()
    return found


def keys(nodes: list[dict[str, Any]]) -> list[str]:
    return [key for node in nodes for key in (node["node_key"], *keys(node["children"]))]


def check(visitor: Visitor, graph_id: str, count: int) -> None:
    events = told(visitor, graph_id)
    assert [event["data"]["seq"] for event in events] == list(range(1, len(events) + 1))
    created = [event["data"] for event in events if event["event"] == "node_created"]
    body = tree(visitor, graph_id)
    assert sorted(data["node_key"] for data in created) == sorted(keys(body["nodes"]))
    assert len({data["id"] for data in created}) == len(created) == body["node_count"] == count
    seen: set[str] = set()
    for data in created:
        assert data["parent_id"] is None or data["parent_id"] in seen
        seen.add(data["id"])
    types = [event["event"] for event in events]
    assert (types.count("graph_created"), types.count("graph_ready"), types.count("error")) == (1, 1, 0)
    assert (types[-1], body["status"]) == ("done", "ready")


@pytest.mark.parametrize("point", PLANNING)
def test_a_plan_survives_its_worker_being_killed(
    installation: Installation, visitor: Visitor, tmp_path: Path, point: str
) -> None:
    crash = {"CRASH_AT": point, "CRASH_ONCE": str(tmp_path / "crashed")}
    with installation.work(**crash) as one, installation.work(**crash) as other:
        graph_id = start(visitor)
        check(visitor, graph_id, NODES)
        dead = [worker for worker in (one, other) if not worker.is_running]
        assert [worker.wait() for worker in dead] == [-signal.SIGKILL]
    assert tree(visitor, graph_id)["attempt"] == 2


@pytest.mark.parametrize("point", EXPANDING)
def test_an_expansion_survives_its_worker_being_killed(
    installation: Installation, visitor: Visitor, tmp_path: Path, point: str
) -> None:
    crash = {"CRASH_AT": point, "CRASH_ONCE": str(tmp_path / "crashed")}
    with installation.work(**crash) as one, installation.work(**crash) as other:
        graph_id = start(visitor)
        cursor = told(visitor, graph_id)[-1]["data"]["seq"]
        node = next(node for node in tree(visitor, graph_id)["nodes"][0]["children"] if not node["effort"])
        assert visitor.http.post(f"/build-nodes/{node['id']}/expand").status_code == 202
        types = [event["event"] for event in told(visitor, graph_id, cursor)]
        assert types == ["expand_start", "node_created", "node_created", "expand_done", "done"]
        dead = [worker for worker in (one, other) if not worker.is_running]
        assert [worker.wait() for worker in dead] == [-signal.SIGKILL]
        check(visitor, graph_id, NODES + 2)


def connect(installation: Installation, graph_id: str) -> None:
    """Store a token for the graph's owner, who is nobody that could do it over HTTP."""
    ((owner,),) = installation.query(
        "SELECT owner_id FROM buildgraphs_buildgraph WHERE stream_id = %s", graph_id
    )
    insert = (
        "INSERT INTO accounts_secret (owner_id, kind, ciphertext, hint) VALUES (%s, 'github_pat', '', '')"
    )
    ((pk,),) = installation.query(f"{insert} RETURNING id", owner)
    envelope = json.dumps({"id": pk, "kind": "github_pat", "text": TOKEN})
    sealed = Fernet(FIELD_KEY).encrypt(envelope.encode())
    installation.query("UPDATE accounts_secret SET ciphertext = %s WHERE id = %s", sealed, pk)


def ship(installation: Installation, visitor: Visitor) -> tuple[str, int]:
    """Ask for a new graph to be shipped; its id, and the cursor before that."""
    graph_id = start(visitor)
    cursor = told(visitor, graph_id)[-1]["data"]["seq"]
    connect(installation, graph_id)
    body = {"target": "github", "repo": REPOSITORY}
    assert visitor.http.post(f"/build-graphs/{graph_id}/ship", json=body).status_code == 202
    return graph_id, cursor


def assert_shipped_once(visitor: Visitor, graph_id: str, cursor: int, github: GitHubServer) -> None:
    types = [event["event"] for event in told(visitor, graph_id, cursor)]
    assert types == ["ship_start", *["issue_created"] * NODES, "ship_done", "done"]
    markers = [issue["body"].partition("\n")[0] for issue in github.issues]
    assert len(set(markers)) == len(markers) == NODES


@pytest.mark.parametrize("point", SHIPPING)
def test_no_issue_is_made_twice_when_its_worker_is_killed(
    installation: Installation, tmp_path: Path, point: str
) -> None:
    with github_server() as github:
        there = {"GITHUB_API_URL": github.url, "GITHUB_WRITE_PAUSE": "0.001"}
        crash = {"CRASH_AT": point, "CRASH_ONCE": str(tmp_path / "crashed"), **there}
        with (
            installation.serve("--no-worker", **there) as server,
            Visitor(server) as visitor,
            installation.work(**crash) as one,
            installation.work(**crash) as other,
        ):
            assert_shipped_once(visitor, *ship(installation, visitor), github)
            dead = [worker for worker in (one, other) if not worker.is_running]
            assert [worker.wait() for worker in dead] == [-signal.SIGKILL]


@pytest.mark.parametrize("point", SHIPPING)
def test_no_issue_is_made_twice_when_its_worker_is_frozen_and_wakes(
    installation: Installation, tmp_path: Path, point: str
) -> None:
    with github_server() as github:
        there = {"GITHUB_API_URL": github.url, "GITHUB_WRITE_PAUSE": "0.001"}
        freeze = {"CRASH_AT": point, "CRASH_ONCE": str(tmp_path / "frozen"), "CRASH_SIGNAL": "SIGSTOP"}
        with (
            installation.serve("--no-worker", **there) as server,
            Visitor(server) as visitor,
            installation.work(**freeze, **there) as zombie,
        ):
            graph_id, cursor = ship(installation, visitor)
            until(lambda: zombie.is_frozen, f"the worker to freeze at {point}")
            with installation.work(**there):
                assert_shipped_once(visitor, graph_id, cursor, github)
            zombie.signal(signal.SIGCONT)
            check(visitor, start(visitor), NODES)  # it is of use again: nobody else is there to plan
            assert zombie.stop() == 0
            assert "Traceback" not in zombie.output
            assert_shipped_once(visitor, graph_id, cursor, github)


def test_a_plan_need_not_wait_for_all_of_a_shipment(installation: Installation) -> None:
    with github_server() as github:
        there = {"GITHUB_API_URL": github.url, "GITHUB_WRITE_PAUSE": "1", "WORKER_CONCURRENCY": "1"}
        with (
            installation.serve("--no-worker", **there) as server,
            Visitor(server) as visitor,
            installation.work(**there),
        ):
            graph_id, cursor = ship(installation, visitor)
            until(lambda: github.issues, "the first issue")
            check(visitor, start(visitor), NODES)
            assert len(github.issues) < NODES
            assert_shipped_once(visitor, graph_id, cursor, github)
