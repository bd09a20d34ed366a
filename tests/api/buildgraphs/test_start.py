"""POST /build-graphs, and what a worker makes of it."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.conf import LazySettings

from accounts import credits
from buildgraphs.models import BuildGraph
from projects.models import Project
from realtime.models import Event, Stream
from tests import factories
from tests.api.buildgraphs.conftest import worked
from tests.helpers import log
from tests.helpers.people import Person

URL = "/build-graphs"
BODY: dict[str, Any] = {
    "idea": "a recipe box for families",
    "features": [{"id": "f1", "label": "Meal planning", "source": "research"}, {"label": "Shopping list"}],
}


def test_answer(ada: Person) -> None:
    response = ada.client.post(URL, BODY)
    assert response.status_code == 201
    body = response.json()
    assert body == {"graph_id": str(uuid.UUID(body["graph_id"])), "status": "initializing"}
    graph = BuildGraph.objects.get()
    assert graph.features == [
        {"id": "f1", "label": "Meal planning", "source": "research"},
        {"id": "Shopping list", "label": "Shopping list", "source": ""},
    ]
    assert credits.usage(ada.principal.pk).credits == 1


def test_whole_run(ada: Person, project: Project) -> None:
    answer = ada.client.post(URL, {**BODY, "project_id": str(project.pk)}).json()
    graph = worked(BuildGraph.objects.get(pk=answer["graph_id"]))
    assert (graph.stream.status, graph.stream.is_closed, graph.status) == ("ready", True, "ready")
    events = log.stored(graph.pk)
    assert [seq for seq, _, _ in events] == list(range(1, len(events) + 1))
    told = [event for _, event, _ in events if event != "node_created"]
    assert told == ["graph_created", *["stage"] * 6, "graph_ready", "done"]
    assert events[0][2] == {"graph_id": str(graph.pk), "project_id": str(project.pk)}
    ready = events[-2][2]
    assert (ready["graph_id"], ready["root_count"]) == (str(graph.pk), 2)
    assert ready["duration_ms"] >= 0
    nodes = [data for _, event, data in events if event == "node_created"]
    assert len(nodes) == ready["node_count"] == graph.nodes.count()
    seen: set[str] = set()
    for node in nodes:
        assert node["parent_id"] is None or node["parent_id"] in seen, "parents come first"
        seen.add(node["id"])
    assert seen == {str(pk) for pk in graph.nodes.values_list("pk", flat=True)}


@pytest.mark.parametrize(
    ("change", "status", "detail"),
    [
        ({"features": []}, 400, "No features provided"),
        ({"features": None}, 400, "No features provided"),
        ({"features": "all"}, 422, None),
        ({"features": [{"label": "a\ud800b"}]}, 422, None),
        ({"features": [{"label": "a\x00b"}]}, 422, None),
        ({"features": [None]}, 422, None),
        ({"features": [{"label": "x"}, None]}, 422, None),
        ({"features": ["x"]}, 422, None),
        ({"idea": ""}, 422, None),
        ({"idea": None}, 400, "idea required"),
        ({"idea": "x" * 5001}, 422, None),
        ({"features": [{"id": "x"}]}, 422, None),
        ({"features": [{"label": "x"}] * 101}, 422, "features: at most 100"),
        ({"phase": 3, "auto_select": True}, 422, "phase must be 1, 2 or null"),
        ({"features": [], "auto_select": True}, 400, "No features provided"),
        ({"project_id": str(uuid.uuid4())}, 404, "Not found"),
        ({"research_id": str(uuid.uuid4())}, 404, "Not found"),
        ({"feature_research_id": str(uuid.uuid4())}, 404, "Not found"),
    ],
)
def test_refused(ada: Person, change: dict[str, Any], status: int, detail: str | None) -> None:
    response = ada.client.post(URL, {**BODY, **change})
    assert response.status_code == status, response.content
    if detail:
        assert response.json() == {"detail": detail}
    assert BuildGraph.objects.count() == Event.objects.count() == 0
    assert credits.usage(ada.principal.pk).credits == 0


def test_phase_without_auto_select_is_passed_over(ada: Person) -> None:
    assert ada.client.post(URL, {**BODY, "phase": 3}).status_code == 201
    assert BuildGraph.objects.get().phase is None


def test_somebody_elses_project_is_absent(ada: Person, mallory: Person) -> None:
    project = factories.project(ada.principal)
    response = mallory.client.post(URL, {**BODY, "project_id": str(project.pk)})
    assert (response.status_code, response.json()) == (404, {"detail": "Not found"})


def test_used_up_credits(ada: Person, settings: LazySettings) -> None:
    settings.CREDITS_ENFORCED = True
    for number in range(20):
        factories.build_graph(ada.principal)
        credits.charge(owner_id=ada.principal.pk, action="build", entity_id=uuid.UUID(int=number))
    assert ada.client.post(URL, BODY).status_code == 429
    assert BuildGraph.objects.count() == 20


def artifact(**rows: Any) -> dict[str, Any]:
    facets = [{"text": "families", "type": "audience", "weight": 1}]
    empty: dict[str, Any] = {"features": [], "gaps": [], "signals": [], "interpretation": {"facets": facets}}
    return {**empty, **rows}


def quote(text: str, source: str = "Mealie") -> dict[str, Any]:
    return {"evidence_id": str(uuid.uuid4()), "source_name": source, "text": text, "role": "support"}


def feature(label: str, *, in_idea: bool, text: str = "It can do that.") -> dict[str, Any]:
    row = {"id": str(uuid.uuid4()), "label": label, "in_idea": in_idea, "prevalence": 0.5}
    return {**row, "cells": [], "evidence": [quote(text)]}


def test_auto_select_reads_the_research_of_the_project(ada: Person, project: Project) -> None:
    rows = [feature("meal plans", in_idea=True, text="Plans a week."), feature("photo albums", in_idea=False)]
    job = factories.research_job(ada.principal, artifact=artifact(features=rows))
    Stream.objects.filter(pk=job.pk).update(
        status="completed", project_id=project.pk, closed_seq=1, last_seq=1
    )
    body = {"idea": "a recipe box", "auto_select": True, "project_id": str(project.pk)}
    first = worked(BuildGraph.objects.get(pk=ada.client.post(URL, {**body, "phase": 1}).json()["graph_id"]))
    assert [each["label"] for each in first.features] == ["meal plans"]
    whole = BuildGraph.objects.get(pk=ada.client.post(URL, body).json()["graph_id"])
    assert [each["label"] for each in whole.features] == ["meal plans", "photo albums"]
    root = first.nodes.get(parent=None)
    assert root.evidence_ids == [rows[0]["evidence"][0]["evidence_id"]]
    assert any('Mealie states: "Plans a week."' in line for line in root.spec["acceptance_criteria"])
    assert "families" in root.description
    assert list(first.research.all()) == [job]


def test_repeated_key_makes_one_graph(ada: Person) -> None:
    answers = [ada.client.post(URL, BODY, headers={"Idempotency-Key": "one"}).json() for _ in range(2)]
    assert answers[0] == answers[1]
    assert BuildGraph.objects.count() == 1


@pytest.mark.parametrize("name", ["research_id", "feature_research_id"])
def test_research_without_a_result(ada: Person, name: str) -> None:
    made = factories.research_job if name == "research_id" else factories.feature_research_job
    job: Any = made(ada.principal)
    for change in ({}, {"features": [], "auto_select": True}):
        response = ada.client.post(URL, {**BODY, **change, name: str(job.pk)})
        assert (response.status_code, response.json()) == (409, {"detail": "The research is not complete"})
    assert BuildGraph.objects.count() == 0


def test_missing_idea(ada: Person) -> None:
    response = ada.client.post(URL, {"features": BODY["features"]})
    assert (response.status_code, response.json()) == (400, {"detail": "idea required"})
