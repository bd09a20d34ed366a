"""GET, PATCH and DELETE /build-graphs, research links, retry, ship, next and progress."""

from __future__ import annotations

import copy
import uuid
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts import credits
from buildgraphs import generation, tasks
from buildgraphs.models import BuildGraph, BuildNode
from manticscore import errors
from projects.models import Project
from realtime.models import Event, Stream
from research.models import Evidence
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
    assert ada.client.post(url(graph, "/ship"), {}).status_code == 422


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
