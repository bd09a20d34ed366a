"""GET, PATCH and DELETE /build-graphs, research links, retry, ship, next and progress."""

from __future__ import annotations

import copy
import json
import uuid
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts import credits
from buildgraphs import generation, tasks
from buildgraphs.models import BuildGraph, BuildNode
from buildgraphs.reading import Reading
from manticscore import errors
from projects.models import Project
from realtime import cancellation, runs
from realtime.models import Event, Stream
from research.models import Evidence, ResearchJob
from tests import factories
from tests.api.buildgraphs.conftest import worked
from tests.api.buildgraphs.test_start import artifact, feature
from tests.helpers import log
from tests.helpers.people import Person

NODE_FIELDS = {
    "id", "graph_id", "parent_id", "node_key", "depth", "sort_order", "name", "description", "risk",
    "node_status", "user_status", "confidence", "effort", "unknowns", "reasons", "spec", "children",
    "depends_on", "lineage", "roll_up",
}  # fmt: skip
SPEC_FIELDS = {"objective", "constraints", "acceptance_criteria", "test_checklist", "emitted_prompt"}


def url(graph: BuildGraph, rest: str = "") -> str:
    return f"/build-graphs/{graph.pk}{rest}"


def test_tree(ada: Person, graph: BuildGraph, project: Project) -> None:
    body = ada.client.get(url(graph)).json()
    assert (body["status"], body["project_id"], body["node_count"]) == ("ready", str(project.pk), 12)
    assert [root["node_key"] for root in body["nodes"]] == ["shopping-list", "oauth-sign-in", "meal-planning"]
    root = body["nodes"][0]
    assert set(root) == NODE_FIELDS
    assert set(root["spec"]) == SPEC_FIELDS
    assert [child["node_key"] for child in root["children"]] == [
        "shopping-list.model", "shopping-list.editing", "shopping-list.browsing",
    ]  # fmt: skip
    model, editing, _ = root["children"]
    assert (model["node_status"], model["confidence"], model["effort"]) == ("collapsed", None, None)
    assert editing["depends_on"] == [model["id"]]
    assert body["nodes"][2]["depends_on"] == [root["id"]]
    assert root["roll_up"]["effort"] is None, "collapsed nodes were not assessed yet"
    assert body["nodes"][1]["roll_up"]["risk"] == "red"


def test_list(ada: Person, mallory: Person, graph: BuildGraph, project: Project) -> None:
    for number in range(2):
        made = factories.build_graph(ada.principal)
        BuildGraph.objects.filter(pk=made.pk).update(created_at=f"2026-01-0{number + 1}T00:00:00Z")
    factories.build_graph(mallory.principal)
    first = ada.client.get("/build-graphs?limit=2").json()
    second = ada.client.get(f"/build-graphs?limit=2&before={first['next_before']}").json()
    found = [row["graph_id"] for row in first["graphs"] + second["graphs"]]
    assert (len(found), len(set(found)), second["next_before"]) == (3, 3, None)
    assert found[0] == str(graph.pk)
    of_project = ada.client.get(f"/build-graphs?project_id={project.pk}").json()["graphs"]
    assert [row["graph_id"] for row in of_project] == [str(graph.pk)]
    assert "nodes" not in of_project[0]


def test_a_page_begins_where_the_one_before_ended_although_that_graph_is_gone(ada: Person) -> None:
    made = [factories.build_graph(ada.principal) for _ in range(4)]
    BuildGraph.objects.update(created_at="2026-01-01T00:00:00Z")  # at once: the id decides
    expected = sorted((str(graph.pk) for graph in made), reverse=True)
    first = ada.client.get("/build-graphs?limit=2").json()
    assert [row["graph_id"] for row in first["graphs"]] == expected[:2]
    ada.client.delete(f"/build-graphs/{expected[1]}")
    second = ada.client.get(f"/build-graphs?limit=2&before={first['next_before']}").json()
    assert [row["graph_id"] for row in second["graphs"]] == expected[2:]
    assert ada.client.get("/build-graphs?before=x").status_code == 422


def filled(owner: Person, count: int) -> BuildGraph:
    """A graph with copies of one of its nodes."""
    graph = factories.planned_graph(owner.principal)
    template = graph.nodes.get(node_key="shopping-list.browsing")
    rows = [copy.copy(template) for _ in range(count - graph.nodes.count())]
    for number, row in enumerate(rows):
        row.pk, row.node_key, row.sort_order = uuid.uuid4(), f"shopping-list.n{number}", number + 10
    BuildNode.objects.bulk_create(rows)
    return graph


def test_two_thousand_nodes_take_as_many_queries_as_few(ada: Person) -> None:
    few, many = factories.planned_graph(ada.principal), filled(ada, 2000)
    counted = []
    for graph in (few, many):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            body = ada.client.get(url(graph)).json()
        counted.append(len(queries))
        assert body["node_count"] == graph.nodes.count()
    assert counted[0] == counted[1] <= 10
    assert body["node_count"] == 2000


def test_moving_and_renaming(ada: Person, mallory: Person, graph: BuildGraph) -> None:
    other = factories.project(ada.principal, "Another box")
    body = ada.client.patch(url(graph), {"project_id": str(other.pk), "title": "The plan"}).json()
    assert (body["project_id"], body["title"]) == (str(other.pk), "The plan")
    assert ada.client.patch(url(graph), {"project_id": None}).json()["project_id"] is None
    foreign = factories.project(mallory.principal)
    for absent in (foreign.pk, uuid.uuid4()):
        assert ada.client.patch(url(graph), {"project_id": str(absent)}).status_code == 404


def test_deletion_takes_everything_along(ada: Person, graph: BuildGraph) -> None:
    response = ada.client.delete(url(graph))
    assert (response.status_code, response.content) == (204, b"")
    assert not Stream.objects.filter(pk=graph.pk).exists()
    assert BuildNode.objects.count() == Event.objects.filter(stream_id=graph.pk).count() == 0
    assert ada.client.delete(url(graph)).status_code == 404


def test_deletion_before_work_began_costs_nothing(ada: Person) -> None:
    body = {"idea": "a box", "features": [{"label": "Notes"}]}
    graph_id = ada.client.post("/build-graphs", body).json()["graph_id"]
    assert credits.usage(ada.principal.pk).credits == 1
    ada.client.delete(f"/build-graphs/{graph_id}")
    assert credits.usage(ada.principal.pk).credits == 0
    tasks.work.func(graph_id)  # its job finds nothing


def test_deleted_project_takes_its_graphs_along(ada: Person, graph: BuildGraph, project: Project) -> None:
    assert ada.client.delete(f"/projects/{project.pk}").status_code == 204
    assert BuildGraph.objects.count() == BuildNode.objects.count() == 0


def broken(*_: Any) -> Any:
    raise errors.BudgetExceeded(stage="plan")


def test_retry_goes_on_where_the_run_stopped(ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = factories.build_graph(ada.principal, "Shopping list", "Dark mode", "OAuth sign-in")
    sound = generation.store
    made: list[str] = []

    def fails_at_the_last(context: Any, root: Any, report: Any) -> None:
        if len(made) == 2:
            broken()
        made.append(root.key)
        sound(context, root, report)

    monkeypatch.setattr(generation, "store", fails_at_the_last)
    graph = worked(graph)
    assert (graph.status, graph.nodes.filter(parent=None).count()) == ("failed", 2)
    told = log.stored(graph.pk)
    assert (told[-2][1], told[-2][2]["retryable"]) == ("error", True)
    monkeypatch.setattr(generation, "store", sound)
    answer = ada.client.post(url(graph, "/retry"))
    assert (answer.status_code, answer.json()["status"]) == (202, "initializing")
    assert ada.client.post(url(graph, "/retry")).status_code == 409
    graph = worked(graph)
    assert graph.status == "ready"
    created = [data["node_key"] for _, event, data in log.stored(graph.pk) if event == "node_created"]
    assert sorted(created) == sorted(graph.nodes.values_list("node_key", flat=True))
    stages = [data["name"] for _, event, data in log.stored(graph.pk) if event == "stage"]
    assert stages.count("gather") == 2, "its checkpoint was used"


def started(ada: Person) -> BuildGraph:
    body = {"idea": "a box", "features": [{"label": "Notes"}, {"label": "Dark mode"}]}
    return BuildGraph.objects.get(pk=ada.client.post("/build-graphs", body).json()["graph_id"])


def test_a_retry_costs_what_was_given_back(
    ada: Person, monkeypatch: pytest.MonkeyPatch, settings: LazySettings
) -> None:
    graph = started(ada)
    with monkeypatch.context() as patch:
        patch.setattr(generation, "store", broken)
        for _ in range(2):
            assert worked(graph).status == "failed"
            assert credits.usage(ada.principal.pk).credits == 0
            assert ada.client.post(url(graph, "/retry")).status_code == 202
            assert credits.usage(ada.principal.pk).credits == 1
    assert worked(graph).status == "ready"
    assert credits.usage(ada.principal.pk).credits == 1


def test_a_retry_without_credits(
    ada: Person, monkeypatch: pytest.MonkeyPatch, settings: LazySettings
) -> None:
    graph = started(ada)
    monkeypatch.setattr(generation, "store", broken)
    worked(graph)
    settings.CREDITS_ENFORCED = True
    while credits.usage(ada.principal.pk).credits_left:
        credits.charge(owner_id=ada.principal.pk, action="build", entity_id=uuid.uuid4())
    assert ada.client.post(url(graph, "/retry")).status_code == 429
    assert worked(graph).stream.is_closed


def test_a_plan_that_is_cancelled_stops_before_the_next_feature(
    ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = started(ada)
    sound = generation.store

    def then_cancelled(context: Any, root: Any, report: Any) -> None:
        sound(context, root, report)
        assert cancellation.request(ada.principal.pk, "build", graph.pk)

    monkeypatch.setattr(generation, "store", then_cancelled)
    graph = worked(graph)
    assert (graph.status, graph.nodes.filter(parent=None).count()) == ("failed", 1)
    told = log.stored(graph.pk)
    assert [event for _, event, _ in told[-2:]] == ["error", "done"]
    assert told[-2][2]["code"] == "CANCELLED"
    assert credits.usage(ada.principal.pk).credits == 1, "work had begun"


@pytest.mark.parametrize("error", [errors.WorkerCrashed(), errors.InternalError()])
def test_a_delivered_graph_stays_paid_for(ada: Person, error: errors.PipelineError) -> None:
    graph = worked(started(ada))
    collapsed = graph.nodes.filter(node_status="collapsed").first()
    assert collapsed is not None
    ada.client.post(f"/build-nodes/{collapsed.pk}/expand")
    assert runs.abandon(graph.pk, error)
    assert credits.usage(ada.principal.pk).credits == 1


def researched(ada: Person, label: str, text: str) -> ResearchJob:
    job = factories.research_job(
        ada.principal, artifact=artifact(features=[feature(label, in_idea=True, text=text)])
    )
    Stream.objects.filter(pk=job.pk).update(status="completed", closed_seq=1, last_seq=1)
    return job


def test_research_that_is_linked_while_material_is_gathered(ada: Person) -> None:
    graph, job = started(ada), researched(ada, "Notes", "Notes are shared.")
    pending = [job]

    def link_first(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if pending and "FOR NO KEY UPDATE" in sql:
            body = {"research_id": str(pending.pop().pk)}
            assert ada.client.post(url(graph, "/research"), body).status_code == 200
        return execute(sql, params, many, context)

    with connection.execute_wrapper(link_first):
        graph = worked(graph)
    assert not pending
    assert "Notes are shared." in str(graph.material)


def test_only_research_with_a_result_is_linked(ada: Person, graph: BuildGraph) -> None:
    running = factories.research_job(ada.principal)
    answer = ada.client.post(url(graph, "/research"), {"research_id": str(running.pk)})
    assert (answer.status_code, answer.json()) == (409, {"detail": "The research is not complete"})
    missing = ada.client.post(url(graph, "/research"), {})
    assert (missing.status_code, missing.json()) == (400, {"detail": "research_id required"})


def test_lineage_names_the_research_behind_the_evidence(ada: Person) -> None:
    jobs = [researched(ada, label, f"{label} it has.") for label in ("Notes", "Dark mode", "Photo albums")]
    graph = started(ada)
    graph.research.add(*jobs)
    worked(graph)
    roots = ada.client.get(url(graph)).json()["nodes"]
    named = {root["name"]: root["lineage"]["research_ids"] for root in roots}
    assert named == {"Notes": [str(jobs[0].pk)], "Dark mode": [str(jobs[1].pk)]}


def test_lineage_names_research_of_features() -> None:
    statement = {"evidence_id": "e", "source": "Mealie", "text": "It can.", "research_id": "study"}
    graph = BuildGraph(material={"features": [{"id": "f", "statements": [statement]}]})
    node = BuildNode(feature_id="f", evidence_ids=["e", "other"])
    assert Reading(graph, [node], {}, [], {}).research_behind(node) == ["study"]


def evidenced(ada: Person, project: Project) -> tuple[BuildGraph, Evidence]:
    row = feature("Shopping list", in_idea=True, text="Lists are shared.")
    job = factories.research_job(ada.principal, artifact=artifact(features=[row]))
    Stream.objects.filter(pk=job.pk).update(status="completed", closed_seq=1, last_seq=1)
    evidence = Evidence.objects.create(
        owner=ada.principal, job=job, key=row["evidence"][0]["evidence_id"], source=factories.source(),
        quote="x", start=0, end=1, weight=1,
    )  # fmt: skip
    graph = factories.build_graph(ada.principal, "Shopping list", project_id=project.pk)
    graph.research.add(job)
    return worked(graph), evidence


@pytest.mark.parametrize(
    ("verdict", "stale"), [("", False), ("still there", False), ("changed", True), ("gone", True)]
)
def test_lineage_tells_of_stale_evidence(ada: Person, project: Project, verdict: str, stale: bool) -> None:
    graph, evidence = evidenced(ada, project)
    Evidence.objects.update(verdict=verdict)
    root = ada.client.get(url(graph)).json()["nodes"][0]
    lineage = root["lineage"]
    assert lineage["evidence_ids"] == [str(evidence.key)]
    assert lineage["research_ids"] == [str(evidence.job_id)]
    assert (lineage["is_stale"], lineage["stale_evidence_ids"]) == (stale, [str(evidence.key)] * stale)


@pytest.mark.parametrize(("verdict", "stale"), [("still there", False), ("changed", True), ("gone", True)])
def test_lineage_tells_of_stale_evidence_of_features(
    ada: Person, project: Project, verdict: str, stale: bool
) -> None:
    graph, evidence = evidenced(ada, project)
    deep = factories.feature_research_job(ada.principal)
    factories.evidence(deep, key=evidence.key, verdict=verdict)
    BuildGraph.objects.filter(pk=graph.pk).update(feature_research=deep)
    Stream.objects.filter(pk=evidence.job_id).delete()
    assert ada.client.get(url(graph)).json()["nodes"][0]["lineage"]["is_stale"] is stale


def test_evidence_that_is_no_longer_kept_is_stale(ada: Person, project: Project) -> None:
    graph, evidence = evidenced(ada, project)
    Stream.objects.filter(pk=evidence.job_id).delete()
    assert ada.client.get(url(graph)).json()["nodes"][0]["lineage"]["is_stale"] is True


def test_nowhere_to_ship_to(ada: Person, graph: BuildGraph) -> None:
    assert ada.client.post(url(graph, "/ship"), {"target": "fax"}).status_code == 422
    for missing in ({}, {"target": None}):
        answer = ada.client.post(url(graph, "/ship"), missing)
        assert (answer.status_code, answer.json()) == (400, {"detail": "target required"})


def test_next_and_progress(ada: Person, graph: BuildGraph) -> None:
    body = ada.client.get(url(graph, "/next")).json()
    assert body["node"]["node_key"] == "shopping-list.model"
    ada.client.patch(f"/build-nodes/{body['node']['id']}", {"user_status": "done"})
    assert ada.client.get(url(graph, "/next")).json()["node"]["node_key"] == "shopping-list.editing"
    progress = ada.client.get(url(graph, "/progress")).json()
    assert progress["progress"] == {"total": 9, "done": 1, "in_progress": 0, "skipped": 0, "percent": 11}
    assert [row["progress"]["percent"] for row in progress["features"]] == [33, 0, 0]
    graph.nodes.update(user_status="done")
    assert ada.client.get(url(graph, "/next")).json() == {"node": None, "actionable": 0}


def test_nodes_look_the_same_everywhere(ada: Person, graph: BuildGraph, collapsed: BuildNode) -> None:
    following = ada.client.get(url(graph, "/next")).json()["node"]
    assessed = ada.client.post(f"/build-nodes/{collapsed.pk}/assess").json()
    assert set(following) == set(assessed) == NODE_FIELDS


def test_progress_is_told_in_numbers(ada: Person, graph: BuildGraph) -> None:
    leaf = ada.client.get(url(graph)).json()["nodes"][0]["children"][2]
    numbers = leaf["roll_up"]["progress"]
    assert [json.dumps(value) for value in numbers.values()] == ["1", "0", "0", "0", "0"]


@pytest.mark.parametrize("status", ["done", "skipped"])
def test_a_feature_that_is_settled_settles_what_is_below(ada: Person, graph: BuildGraph, status: str) -> None:
    root = graph.nodes.get(node_key="shopping-list")
    body = ada.client.patch(f"/build-nodes/{root.pk}", {"user_status": status}).json()
    assert body["roll_up"]["progress"]["percent"] == 100
    assert body["roll_up"]["progress"][status] == 3
    assert not ada.client.get(url(graph, "/next")).json()["node"]["node_key"].startswith("shopping-list")
