"""POST /build-nodes/{node_id}/expand"""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from django.db import connection

from buildgraphs import planner
from buildgraphs.models import BuildGraph, BuildNode
from chat import tasks as chat_tasks
from chat.models import ChatMessage
from manticscore import errors
from projects.models import Project
from realtime import cancellation, runs
from realtime.models import Stream
from tests import factories
from tests.api.buildgraphs.conftest import worked
from tests.helpers import log
from tests.helpers.people import Person, person


def expand(who: Person, node: BuildNode) -> Any:
    return who.client.post(f"/build-nodes/{node.pk}/expand")


def queued(task: str) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT args::text FROM procrastinate_jobs WHERE task_name = %s ORDER BY id", [task])
        return [json.loads(args) for (args,) in cursor.fetchall()]


def test_children_and_their_events(ada: Person, graph: BuildGraph, collapsed: BuildNode) -> None:
    before = len(log.stored(graph.pk))
    response = expand(ada, collapsed)
    assert response.status_code == 202
    assert response.json() == {
        "node_id": str(collapsed.pk), "graph_id": str(graph.pk), "node_status": "expanding",
    }  # fmt: skip
    assert collapsed.effort is collapsed.confidence is None
    graph = worked(graph)
    collapsed.refresh_from_db()
    assert (collapsed.node_status, collapsed.effort, collapsed.confidence) == ("expanded", "medium", "medium")
    children = list(collapsed.children.order_by("sort_order"))
    assert [child.node_key for child in children] == [
        "shopping-list.model.schema",
        "shopping-list.model.rules",
    ]
    told = log.stored(graph.pk)[before:]
    assert [event for _, event, _ in told] == ["expand_start", *["node_created"] * 2, "expand_done", "done"]
    assert [data["id"] for _, _, data in told[1:3]] == [str(child.pk) for child in children]
    assert {data["parent_id"] for _, _, data in told[1:3]} == {str(collapsed.pk)}
    assert told[3][2] == {
        "graph_id": str(graph.pk), "node_id": str(collapsed.pk), "node_key": "shopping-list.model",
        "children_count": 2, "removed": [],
    }  # fmt: skip
    assert (graph.status, graph.stream.status, graph.stream.is_closed) == ("ready", "ready", True)


@pytest.mark.parametrize("key", ["shopping-list", "shopping-list.browsing"])
def test_only_collapsed_nodes(ada: Person, graph: BuildGraph, key: str) -> None:
    node = graph.nodes.get(node_key=key)
    response = expand(ada, node)
    assert response.status_code == 409
    expected = f"Only a collapsed node can be expanded; this one is {node.node_status}"
    assert response.json() == {"detail": expected}


def test_second_request_is_refused_while_the_first_waits(ada: Person, collapsed: BuildNode) -> None:
    assert [expand(ada, collapsed).status_code for _ in range(2)] == [202, 409]
    worked(collapsed.graph)
    assert expand(ada, collapsed).status_code == 409
    assert log.types(collapsed.graph_id).count("expand_done") == 1


def test_graph_that_is_not_ready(ada: Person) -> None:
    graph = factories.build_graph(ada.principal)
    node = factories.build_node(graph, node_status="collapsed")
    assert expand(ada, node).json() == {"detail": "The graph is not ready yet"}


def test_two_nodes_in_one_go(ada: Person, graph: BuildGraph) -> None:
    keys = ["shopping-list.model", "shopping-list.editing"]
    nodes = [graph.nodes.get(node_key=key) for key in keys]
    assert [expand(ada, node).status_code for node in nodes] == [202, 202]
    worked(graph)
    worked(graph)  # the second job finds nothing left to do
    types = log.types(graph.pk)
    assert (types.count("expand_start"), types.count("expand_done"), types.count("done")) == (2, 2, 2)
    assert types[-1] == "done"


def test_failure_leaves_the_node_as_it_was(
    ada: Person, graph: BuildGraph, collapsed: BuildNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = graph.nodes.get(node_key="shopping-list.editing")
    sound = planner.expansion

    def broken(*place: Any) -> Any:
        if collapsed.node_key in place:
            raise ValueError
        return sound(*place)

    monkeypatch.setattr(planner, "expansion", broken)
    for node in (collapsed, other):
        expand(ada, node)
    graph = worked(graph)
    collapsed.refresh_from_db()
    assert (collapsed.node_status, collapsed.children.count()) == ("collapsed", 0)
    assert other.children.count() == 2
    failed = [data for _, event, data in log.stored(graph.pk) if event == "error"]
    assert [(data["code"], data["node_id"]) for data in failed] == [("INTERNAL_ERROR", str(collapsed.pk))]
    assert (graph.stream.status, log.types(graph.pk)[-1]) == ("ready", "done")
    assert expand(ada, collapsed).status_code == 202


def test_risk_that_was_raised_stays(ada: Person, graph: BuildGraph, collapsed: BuildNode) -> None:
    ada.client.patch(f"/build-nodes/{collapsed.pk}", {"risk": "red"})
    expand(ada, collapsed)
    worked(graph)
    collapsed.refresh_from_db()
    assert (collapsed.node_status, collapsed.risk) == ("expanded", "red")


def test_run_that_is_given_up_frees_the_node(ada: Person, graph: BuildGraph, collapsed: BuildNode) -> None:
    expand(ada, collapsed)
    assert runs.abandon(graph.pk, errors.WorkerCrashed())
    collapsed.refresh_from_db()
    assert collapsed.node_status == "collapsed"
    assert ada.client.get(f"/build-graphs/{graph.pk}").json()["status"] == "ready"


def test_cards_in_the_newest_chat(
    ada: Person, graph: BuildGraph, collapsed: BuildNode, project: Project
) -> None:
    older, session = (factories.chat_session(ada.principal, project.pk) for _ in range(2))
    Stream.objects.filter(pk=older.pk).update(updated_at="2026-01-01T00:00:00Z")
    expand(ada, collapsed)
    worked(graph)
    (job,) = queued("chat.post_forge_ready")
    for _ in range(2):  # a job that comes twice says it once
        chat_tasks.post_forge_ready.func(**job)
    card = ChatMessage.objects.get()
    node = graph.nodes.get(node_key="shopping-list.model.rules")
    assert (card.session_id, card.about, card.role) == (session.pk, node.pk, "card")
    _, event, data = log.stored(session.pk)[-1]
    assert event == "card.forge_ready"
    assert (data["node_id"], data["risk"], data["effort"], data["confidence"]) == (
        str(node.pk), "green", "small", "high",
    )  # fmt: skip
    arguments = {"node_id": str(node.pk), "graph_id": str(graph.pk)}
    assert data["actions"] == [{"label": "Ship it", "tool": "start_implementation", "args": arguments}]


def test_no_chat_no_card(ada: Person, graph: BuildGraph, collapsed: BuildNode) -> None:
    expand(ada, collapsed)
    worked(graph)
    (job,) = queued("chat.post_forge_ready")
    chat_tasks.post_forge_ready.func(**job)
    assert ChatMessage.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_two_at_once() -> None:
    ada = person("ada")
    graph = factories.planned_graph(ada.principal)
    node = graph.nodes.get(node_key="shopping-list.model")
    begun = threading.Barrier(4)
    answers: list[int] = []

    def ask() -> None:
        begun.wait()
        answers.append(expand(ada, node).status_code)
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [202, 409, 409, 409]
    worked(graph)
    assert log.types(graph.pk).count("expand_start") == 1


@pytest.mark.parametrize("status", ["done", "skipped"])
def test_work_that_is_settled(ada: Person, collapsed: BuildNode, status: str) -> None:
    ada.client.patch(f"/build-nodes/{collapsed.pk}", {"user_status": status})
    response = expand(ada, collapsed)
    assert response.status_code == 409
    assert response.json() == {"detail": f"Only open work can be expanded; this node is {status}"}


def test_a_template_that_is_gone(ada: Person, graph: BuildGraph, collapsed: BuildNode) -> None:
    BuildNode.objects.filter(pk=collapsed.pk).update(part="renamed", node_key="shopping-list.renamed")
    other = graph.nodes.get(node_key="shopping-list.editing")
    BuildNode.objects.filter(pk=other.pk).update(archetype="renamed")
    for node in (collapsed, other):
        assert ada.client.post(f"/build-nodes/{node.pk}/assess").status_code == 409
        assert expand(ada, node).status_code == 202
    worked(graph)
    failed = [data for _, event, data in log.stored(graph.pk) if event == "error"]
    assert [(data["code"], data["retryable"]) for data in failed] == [("TEMPLATE_GONE", False)] * 2
    BuildNode.objects.filter(pk=collapsed.pk).update(node_status="expanded")
    again = ada.client.post(f"/build-nodes/{collapsed.pk}/re-expand", {})
    assert again.status_code == 409
    assert "any more" in again.json()["detail"]


def test_what_was_not_expanded_yet_is_cancelled(
    ada: Person, graph: BuildGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    nodes = [graph.nodes.get(node_key=f"shopping-list.{key}") for key in ("model", "editing")]
    for node in nodes:
        expand(ada, node)
    sound = planner.expansion

    def then_cancelled(*place: Any) -> Any:
        assert cancellation.request(ada.principal.pk, "build", graph.pk)
        return sound(*place)

    with monkeypatch.context() as patch:
        patch.setattr(planner, "expansion", then_cancelled)
        graph = worked(graph)
    assert [graph.nodes.get(pk=node.pk).node_status for node in nodes] == ["expanded", "collapsed"]
    told = log.stored(graph.pk)
    assert [event for _, event, _ in told[-2:]] == ["error", "done"]
    assert (told[-2][2]["code"], told[-2][2]["retryable"]) == ("CANCELLED", False)
    assert (graph.status, graph.stream.status, graph.stream.is_closed) == ("ready", "ready", True)
    assert expand(ada, nodes[1]).status_code == 202
    worked(graph)
    assert log.types(graph.pk).count("expand_done") == 2
