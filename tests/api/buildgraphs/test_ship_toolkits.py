"""Shipping to Linear, Jira, Slack and Notion, with Composio's API played on this machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import LazySettings

from buildgraphs import shipping
from buildgraphs.models import BuildGraph, Shipment, ShippedItem
from buildgraphs.trackers import jira, linear, notion, slack
from manticscore.pipeline import Patience, Superseded
from realtime import runs
from realtime.models import Event
from tests.api.buildgraphs.conftest import worked
from tests.api.buildgraphs.test_ship import free_id, shipped, told
from tests.helpers.composio_server import (
    CHANNEL,
    KEY,
    MOMENT,
    PARENT,
    PROJECT,
    TEAM,
    ComposioServer,
    composio_server,
    unsuccessful,
)
from tests.helpers.json_server import refusal
from tests.helpers.people import Person

BODIES = {
    "linear": {"target": "linear", "team_id": TEAM},
    "jira": {"target": "jira", "project_key": PROJECT},
    "slack": {"target": "slack", "channel": CHANNEL},
    "notion": {"target": "notion", "page_id": PARENT},
}
CREATE = {"linear": linear.TOOL, "jira": jira.CREATE, "slack": slack.SEND, "notion": notion.CREATE}
ISSUES = ("linear", "jira")
every = pytest.mark.parametrize("target", list(BODIES))
with_issues = pytest.mark.parametrize("target", ISSUES)


@pytest.fixture(autouse=True)
def composio(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> Iterator[ComposioServer]:
    monkeypatch.setattr(shipping, "PATIENCE", Patience(first_wait=0.001))
    settings.COMPOSIO_WRITE_PAUSE = 0.0001
    settings.COMPOSIO_API_KEY = KEY
    with composio_server() as server:
        settings.COMPOSIO_API_URL = server.url
        yield server


@pytest.fixture
def connected(ada: Person, composio: ComposioServer) -> Person:
    composio.connect(ada.principal.pk, *BODIES)
    return ada


def ship(who: Person, graph: BuildGraph, target: str, **changes: Any) -> Any:
    return who.client.post(f"/build-graphs/{graph.pk}/ship", {**BODIES[target], **changes})


def made(composio: ComposioServer, target: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = getattr(composio, target)
    return found


def assert_once(graph: BuildGraph, composio: ComposioServer, target: str) -> None:
    """Every node has one issue, or the graph one message or page, and one event says so."""
    items = made(composio, target)
    if target not in ISSUES:
        assert (len(items), len(told(graph, "graph_posted"))) == (1, 1)
        return
    names = [item["identifier" if target == "linear" else "key"] for item in items]
    events = {data["node_id"]: data["reference"] for data in told(graph, "issue_created")}
    assert set(events) == {str(pk) for pk in graph.nodes.values_list("pk", flat=True)}
    assert sorted(events.values()) == sorted(names)
    assert len(names) == len(told(graph, "issue_created")) == graph.nodes.count()


@every
def test_it_arrives(connected: Person, graph: BuildGraph, composio: ComposioServer, target: str) -> None:
    answer = ship(connected, graph, target)
    assert answer.status_code == 202, answer.content
    assert (answer.json()["target"], answer.json()["status"]) == (target, "waiting")
    worked(graph)
    assert_once(graph, composio, target)
    body = shipped(connected, graph)
    assert [(each["status"], each["error_code"]) for each in body["ships"]] == [("done", None)]
    assert len(body["items"]) == len(made(composio, target))
    assert [len(told(graph, name)) for name in ("ship_start", "ship_done", "error")] == [1, 1, 0]
    assert told(graph, "ship_done")[0]["item_count"] == len(made(composio, target))


def test_what_linear_is_told(connected: Person, graph: BuildGraph, composio: ComposioServer) -> None:
    graph.nodes.filter(node_key="shopping-list").update(risk="red", effort="large")
    ship(connected, graph, "linear")
    worked(graph)
    by_name = {data["node_key"]: data["reference"] for data in told(graph, "issue_created")}
    issues = {issue["identifier"]: issue for issue in composio.linear}
    root = issues[by_name["shopping-list"]]
    assert (root["priority"], root["estimate"], root["teamId"]) == (1, 5, TEAM)
    assert "parentId" not in root
    for node in graph.nodes.exclude(parent=None):
        issue = issues[by_name[node.node_key]]
        assert issue["parentId"] == issues[by_name[node.parent.node_key]]["id"]
        assert issue["title"] == node.name
        assert f"Part of {by_name[node.parent.node_key]}\n" in issue["description"]
        assert f"```text\n{node.spec['emitted_prompt']}\n```" in issue["description"]
        assert ("estimate" in issue) is (node.effort is not None)
        assert "<" not in issue["description"].partition("```")[0]


def test_what_jira_is_told(connected: Person, graph: BuildGraph, composio: ComposioServer) -> None:
    graph.nodes.filter(node_key="shopping-list").update(risk="red", effort="small")
    ship(connected, graph, "jira", project_key=PROJECT.lower())
    worked(graph)
    by_name = {data["node_key"]: data["reference"] for data in told(graph, "issue_created")}
    issues = {issue["key"]: issue for issue in composio.jira}
    root = issues[by_name["shopping-list"]]
    assert (root["priority"], root["issue_type"]) == ("Highest", "Task")
    assert root["description"].startswith("Story Points: 1\n\n")
    child = issues[by_name["shopping-list.browsing"]]
    assert f"Part of {root['key']}\n" in child["description"]
    assert "risk-red" in root["labels"]
    assert not [label for issue in composio.jira for label in issue["labels"] if " " in label]


def test_what_slack_is_told(connected: Person, graph: BuildGraph, composio: ComposioServer) -> None:
    graph.nodes.filter(node_key="shopping-list.browsing").update(user_status="done")
    answer = ship(connected, graph, "slack")
    worked(graph)
    text = composio.slack[0]["markdown_text"]
    lines = text.splitlines()
    assert lines[0] == f"**{graph.stream.title}**"
    assert lines[1].startswith(f"{graph.nodes.count()} nodes, 3 features; 1 of ")
    assert [line.partition(" (")[0] for line in lines if line.startswith("- ")] == [
        f"- {name}"
        for name in graph.nodes.filter(parent=None).order_by("sort_order").values_list("name", flat=True)
    ]
    assert str(graph.pk) in lines[-1]
    assert answer.json()["ship_id"] in lines[-1]
    assert told(graph, "graph_posted")[0]["reference"] == MOMENT


def test_what_notion_is_told(connected: Person, graph: BuildGraph, composio: ComposioServer) -> None:
    ship(connected, graph, "notion")
    worked(graph)
    page = composio.notion[0]
    assert page["title"].startswith(graph.stream.title)
    headings = [line.lstrip("# ") for line in page["markdown"].splitlines() if line.startswith(("# ", "## "))]
    assert headings == [node.name for node in graph_in_order(graph)]
    assert told(graph, "graph_posted")[0]["url"] == page["url"]


def graph_in_order(graph: BuildGraph) -> list[Any]:
    roots = graph.nodes.filter(parent=None).order_by("sort_order")
    return [each for root in roots for each in (root, *root.children.order_by("sort_order"))]


@pytest.mark.parametrize(("target", "count"), [("linear", 3), ("jira", 3), ("slack", 1), ("notion", 1)])
def test_top_level_only(
    connected: Person, graph: BuildGraph, composio: ComposioServer, target: str, count: int
) -> None:
    ship(connected, graph, target, top_level_only=True)
    worked(graph)
    assert len(made(composio, target)) == count
    if target == "notion":
        assert composio.notion[0]["markdown"].count("\n# ") == 3
        assert "\n## " not in composio.notion[0]["markdown"]


@with_issues
def test_shipped_again_there_is_nothing_twice(
    connected: Person, graph: BuildGraph, composio: ComposioServer, target: str
) -> None:
    for top_level_only in (True, False, False):
        assert ship(connected, graph, target, top_level_only=top_level_only).status_code == 202
        worked(graph)
    assert_once(graph, composio, target)


@pytest.mark.parametrize("target", ["slack", "notion"])
def test_shipped_again_it_is_told_anew(
    connected: Person, graph: BuildGraph, composio: ComposioServer, target: str
) -> None:
    for _ in range(2):
        ship(connected, graph, target)
        worked(graph)
    assert len(made(composio, target)) == len(told(graph, "graph_posted")) == 2


@every
def test_not_connected(ada: Person, graph: BuildGraph, composio: ComposioServer, target: str) -> None:
    composio.connect(ada.principal.pk, target, status="EXPIRED")
    composio.connect("user_else", target)
    answer = ship(ada, graph, target)
    assert answer.status_code == 400
    expected = f"{target.capitalize()} is not connected. Connect it, or export the graph as a file instead."
    assert answer.json() == {"detail": expected}
    assert not Shipment.objects.exists()


@every
def test_no_key_nothing_is_connected(
    connected: Person, graph: BuildGraph, composio: ComposioServer, settings: LazySettings, target: str
) -> None:
    settings.COMPOSIO_API_KEY = ""
    answer = ship(connected, graph, target)
    assert answer.status_code == 400
    assert "COMPOSIO_API_KEY is not set" in answer.json()["detail"]
    assert composio.asked == []


@every
def test_a_strangers_graph_is_as_absent_as_none(
    graph: BuildGraph, mallory: Person, composio: ComposioServer, target: str
) -> None:
    composio.connect(mallory.principal.pk, target)
    answers = [
        ship(mallory, graph, target),
        mallory.client.post(f"/build-graphs/{free_id(graph)}/ship", BODIES[target]),
    ]
    assert {(answer.status_code, answer.content) for answer in answers} == {(404, answers[0].content)}
    assert composio.asked == []


@every
def test_without_a_destination(connected: Person, graph: BuildGraph, target: str) -> None:
    answer = connected.client.post(f"/build-graphs/{graph.pk}/ship", {"target": target})
    (name,) = BODIES[target].keys() - {"target"}
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith(f"{name} required")


@pytest.mark.parametrize(
    ("target", "change"),
    [
        ("jira", {"project_key": 'BOX" OR project = "X'}),
        ("jira", {"project_key": "1BOX"}),
        ("notion", {"page_id": "home"}),
        ("linear", {"team_id": ""}),
        ("slack", {"channel": "x" * 301}),
    ],
)
def test_destinations_that_cannot_be(
    connected: Person, graph: BuildGraph, composio: ComposioServer, target: str, change: dict[str, str]
) -> None:
    assert ship(connected, graph, target, **change).status_code == 422
    assert composio.asked == []


def test_composio_is_down_when_asked(
    connected: Person, graph: BuildGraph, composio: ComposioServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipping, "CHECK_SECONDS", 0.2)
    faults = [
        refusal(500),
        refusal(429, Retry_After="9"),
        composio.hang,
        refusal(401),
        lambda: (200, b"{", {}),
    ]
    composio.fail("GET", "connected_accounts", *faults)
    answers = [ship(connected, graph, "linear") for _ in faults]
    assert [answer.status_code for answer in answers] == [502] * len(faults)
    assert answers[1]["Retry-After"] == "9"
    assert {tuple(answer.json()) for answer in answers} == {("detail",)}
    assert not Shipment.objects.exists()


@every
def test_failures_that_pass(
    connected: Person, graph: BuildGraph, composio: ComposioServer, target: str
) -> None:
    composio.fail_tool(CREATE[target], refusal(429, Retry_After="0"), refusal(503))
    ship(connected, graph, target)
    worked(graph)
    assert_once(graph, composio, target)


@every
@pytest.mark.parametrize("loss", [refusal(502), lambda: (200, b"{", {}), unsuccessful(504)])
def test_an_answer_that_is_lost(
    connected: Person, graph: BuildGraph, composio: ComposioServer, target: str, loss: Any
) -> None:
    """The item is there, although its maker says that it failed."""
    composio.after = [loss]
    ship(connected, graph, target)
    worked(graph)
    assert_once(graph, composio, target)


@every
@pytest.mark.parametrize("data", [None, [], {}, {"issues": {}, "messages": 1, "results": [1], "key": None}])
def test_answers_that_are_not_understood(
    connected: Person, graph: BuildGraph, composio: ComposioServer, target: str, data: Any
) -> None:
    """Neither that of a tool that makes something, nor of one that looks for it."""
    answer = (200, {"successful": True, "data": data}, {})
    for tool in composio.tools:
        composio.fail_tool(tool, *[lambda: answer] * 3)
    ship(connected, graph, target)
    worked(graph)
    last = told(graph, "error")[-1]
    assert (last["code"], last["retryable"]) == (f"{target.upper()}_UNAVAILABLE", True)
    assert made(composio, target) == []


@every
def test_refused_for_good(
    connected: Person, graph: BuildGraph, composio: ComposioServer, target: str
) -> None:
    composio.fail_tool(CREATE[target], unsuccessful(None))
    ship(connected, graph, target)
    worked(graph)
    assert composio.used(CREATE[target]) == 1, "a refusal is not asked for again"
    last = told(graph, "error")[-1]
    assert (last["code"], last["retryable"]) == (f"{target.upper()}_REQUEST_REJECTED", False)
    assert connected.client.get(f"/build-graphs/{graph.pk}").json()["status"] == "ready"
    assert ship(connected, graph, target).status_code == 202
    worked(graph)
    assert_once(graph, composio, target)


def test_one_destination_by_two_spellings(
    connected: Person, graph: BuildGraph, composio: ComposioServer
) -> None:
    for body in ({"project_key": PROJECT.lower()}, {"project_key": PROJECT}):
        ship(connected, graph, "jira", **body)
        worked(graph)
    for body in ({"team_id": TEAM.upper()}, {"team_id": TEAM}):
        ship(connected, graph, "linear", **body)
        worked(graph)
    assert len(composio.jira) == len(composio.linear) == graph.nodes.count()


def test_a_plan_that_was_renamed_meanwhile(
    connected: Person, graph: BuildGraph, composio: ComposioServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page is known again although its graph has another title by now."""
    ship(connected, graph, "notion")
    journal = runs.claim(graph.pk)
    assert journal is not None

    def overtake(name: str) -> None:
        if name == "ship:created":
            connected.client.patch(f"/build-graphs/{graph.pk}", {"title": "Another title"})
            runs.claim(graph.pk)

    with monkeypatch.context() as patch:
        patch.setattr(shipping, "crash_point", overtake)
        with pytest.raises(Superseded):
            list(shipping.carry(graph, journal))
    worked(graph)
    assert_once(graph, composio, "notion")
    assert not composio.notion[0]["title"].startswith("Another title")


@every
def test_a_destination_that_is_not_there(connected: Person, graph: BuildGraph, target: str) -> None:
    (name,) = BODIES[target].keys() - {"target"}
    ship(connected, graph, target, **{name: {"notion": TEAM}.get(target, "NOWHERE")})
    worked(graph)
    assert told(graph, "error")[-1]["code"] == f"{target.upper()}_REQUEST_REJECTED"


@every
def test_disconnected_meanwhile(
    connected: Person, graph: BuildGraph, composio: ComposioServer, target: str
) -> None:
    ship(connected, graph, target)
    composio.accounts.clear()
    worked(graph)
    assert made(composio, target) == []
    assert told(graph, "error")[-1]["code"] == f"{target.upper()}_NOT_CONNECTED"


@every
@pytest.mark.parametrize("point", ["ship:asking", "ship:created"])
def test_overtaken_before_it_is_recorded(
    connected: Person,
    graph: BuildGraph,
    composio: ComposioServer,
    monkeypatch: pytest.MonkeyPatch,
    target: str,
    point: str,
) -> None:
    """Who takes over from a worker that got no further finds what it made."""
    ship(connected, graph, target)
    journal = runs.claim(graph.pk)
    assert journal is not None
    with monkeypatch.context() as patch:
        freezing = {point: lambda: runs.claim(graph.pk)}
        patch.setattr(shipping, "crash_point", lambda name: freezing.get(name, str)())
        with pytest.raises(Superseded):
            list(shipping.carry(graph, journal))
    assert len(made(composio, target)) == (point == "ship:created")
    worked(graph)
    assert_once(graph, composio, target)


def test_linear_itself_refuses_a_second_issue(
    connected: Person, graph: BuildGraph, composio: ComposioServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even a worker that could not be stopped makes none: what it asks for is there."""
    ship(connected, graph, "linear")
    journal = runs.claim(graph.pk)
    assert journal is not None
    with monkeypatch.context() as patch:
        waking = {"ship:sending": [lambda: worked(graph)]}
        patch.setattr(
            shipping, "crash_point", lambda name: waking[name].pop()() if waking.get(name) else None
        )
        with pytest.raises(Superseded):
            list(shipping.carry(graph, journal))
    assert_once(graph, composio, "linear")


@every
def test_text_of_strangers_is_harmless(
    connected: Person, graph: BuildGraph, composio: ComposioServer, target: str
) -> None:
    nasty = "<!channel> <@U0123> @ada [click](https://evil.example) ![x](https://evil.example/x.png) `x` <b>"
    root = graph.nodes.filter(parent=None).order_by("sort_order")[0]
    root.name, root.description = nasty, nasty
    root.spec["acceptance_criteria"] = [nasty]
    root.save()
    ship(connected, graph, target)
    worked(graph)
    texts = {
        "linear": "description", "jira": "description", "slack": "markdown_text", "notion": "markdown",
    }  # fmt: skip
    found = "\n".join(item[texts[target]].partition("Prompt for")[0] for item in made(composio, target))
    assert "click" in found
    for mark in ("<", " @ada", "[click]", "![x]", "`x`"):
        assert mark not in found.replace("\\[", "(").replace("\\]", ")").replace("\\`", "'"), mark


@every
def test_the_key_is_nowhere(
    connected: Person,
    graph: BuildGraph,
    composio: ComposioServer,
    caplog: pytest.LogCaptureFixture,
    target: str,
) -> None:
    caplog.set_level("DEBUG")
    composio.fail_tool(CREATE[target], refusal(400))
    answer = ship(connected, graph, target)
    worked(graph)
    texts = [json.dumps(row.data) for row in Event.objects.all()]
    texts += [answer.content.decode(), json.dumps(shipped(connected, graph), default=str), caplog.text]
    texts += [str(vars(row)) for row in (*Shipment.objects.all(), *ShippedItem.objects.all())]
    assert not [text for text in texts if KEY in text]
