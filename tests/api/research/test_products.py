"""GET /products, GET /products/{card_id} and POST /v1/pipeline/feature-selection"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from realtime.models import StageResult
from research import signals
from research.models import Card, Evidence
from tests import factories
from tests.helpers.landscapes import feature, finished, landscape
from tests.helpers.people import Person

pytestmark = pytest.mark.django_db


def test_list_in_pages(ada: Person, mallory: Person) -> None:
    made = [ada.client.post("/v1/ideas", {"idea": f"box number {n}"}).json()["card_id"] for n in range(3)]
    mallory.client.post("/v1/ideas", {"idea": "another box"})
    first = ada.client.get("/products?limit=2").json()
    second = ada.client.get(f"/products?limit=2&cursor={first['next_cursor']}").json()
    seen = [card["id"] for card in first["products"] + second["products"]]
    assert sorted(seen) == sorted(made)
    assert second["next_cursor"] is None
    assert first["products"][0]["state"] == "queued"


def test_list_takes_the_same_queries_for_many(
    ada: Person, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(3):
        factories.card(ada.principal, finished(ada.principal))
    client = ada.client
    with django_assert_num_queries(2) as queries:
        assert len(client.get("/products").json()["products"]) == 3
    assert '"artifact"' not in queries[1]["sql"]


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "cursor=x"])
def test_list_refused(ada: Person, query: str) -> None:
    assert ada.client.get(f"/products?{query}").status_code == 422


def test_detail(ada: Person) -> None:
    job = finished(ada.principal)
    card = factories.card(ada.principal, job)
    for stage in ("interpret", "search"):
        output = landscape()["interpretation"]
        StageResult.objects.create(stream=job.stream, stage=stage, attempt=1, output=output)
    source = factories.source(url="https://mealie.example/about")
    for number in range(22):
        Evidence.objects.create(
            owner=ada.principal, job=job, key=uuid.UUID(int=number), source=source, quote="Mealie", start=0,
            end=6, weight=number / 100,
        )  # fmt: skip
    body = ada.client.get(f"/products/{card.pk}").json()
    assert (body["state"], body["artifact"]["idea"]) == ("ready", "a recipe box")
    assert [point["stage"] for point in body["checkpoints"]] == ["interpret", "search"]
    assert set(body["checkpoints"][0]) == {"stage", "attempt", "completed_at"}
    assert [row["weight"] for row in body["evidence"]] == [n / 100 for n in range(21, 1, -1)]
    row = body["evidence"][0]
    assert (row["url"], row["source_name"]) == ("https://mealie.example/about", "Mealie")
    assert 0 <= row["freshness"] <= 1


def test_detail_while_the_research_waits(ada: Person) -> None:
    card_id = ada.client.post("/ideas", {"idea": "a recipe box"}).json()["id"]
    body = ada.client.get(f"/products/{card_id}").json()
    assert (body["state"], body["artifact"], body["evidence"], body["checkpoints"]) == (
        "queued",
        None,
        [],
        [],
    )


def test_detail_of_somebody_elses(ada: Person, mallory: Person) -> None:
    card = factories.card(ada.principal)
    foreign, missing = (mallory.client.get(f"/products/{key}") for key in (card.pk, uuid.uuid4()))
    assert (foreign.status_code, foreign.content) == (404, missing.content)


# Feature selection


@pytest.fixture
def heard() -> Iterator[list[Any]]:
    told: list[Any] = []

    def listen(sender: Any, card: Card, **rest: Any) -> None:
        told.append(card)

    signals.features_selected.connect(listen)
    yield told
    signals.features_selected.disconnect(listen)


def select(person: Person, job_id: Any, *features: str, **more: Any) -> Any:
    body = {"research_id": str(job_id), "selected_feature_ids": list(features), **more}
    return person.client.post("/v1/pipeline/feature-selection", body)


def test_selection_is_a_card_and_is_told(ada: Person, heard: list[Any]) -> None:
    project = factories.project(ada.principal)
    job = finished(
        ada.principal, landscape(features=[feature("Import"), feature("Print")]), project_id=project.pk
    )
    answer = select(ada, job.pk, "id of Print", "unknown", "id of Print")
    card = Card.objects.get()
    assert (answer.status_code, answer.json()) == (202, {"card_id": str(card.pk)})
    assert heard == [card]
    assert (card.kind, card.project_id, card.research_id) == ("features", project.pk, job.pk)
    assert card.content == {"features": [{"id": "id of Print", "name": "Print"}]}
    detail = ada.client.get(f"/products/{card.pk}").json()
    assert (detail["kind"], detail["features"]) == ("features", card.content["features"])
    assert ada.client.get("/products").json()["products"] == [], "the list is of ideas"


def test_first_ten_are_used(ada: Person, heard: list[Any]) -> None:
    job = finished(ada.principal, landscape(features=[feature(f"F{n}") for n in range(12)]))
    assert select(ada, job.pk, *(f"id of F{n}" for n in reversed(range(12)))).status_code == 202
    assert [row["name"] for row in heard[0].content["features"]] == [f"F{n}" for n in range(11, 1, -1)]


def test_selection_in_another_project(ada: Person, mallory: Person, heard: list[Any]) -> None:
    job = finished(ada.principal, landscape(features=[feature("Import")]))
    own, foreign = factories.project(ada.principal), factories.project(mallory.principal)
    assert select(ada, job.pk, "id of Import", project_id=str(own.pk)).status_code == 202
    assert heard[0].project_id == own.pk
    assert select(ada, job.pk, "id of Import", project_id=str(foreign.pk)).status_code == 404


def test_research_without_a_project_gets_one(ada: Person, heard: list[Any]) -> None:
    job = finished(ada.principal, landscape(features=[feature("Import")]))
    assert select(ada, job.pk, "id of Import").status_code == 202
    assert heard[0].project.owner_id == ada.principal.pk


def test_nothing_resolved(ada: Person, heard: list[Any]) -> None:
    job = finished(ada.principal, landscape(features=[feature("Import")]))
    waiting = factories.research_job(ada.principal)
    for job_id in (job.pk, waiting.pk):
        answer = select(ada, job_id, "unknown")
        assert (answer.status_code, answer.json()) == (400, {"detail": "no_features_resolved"})
    assert heard == []


def test_research_not_found(ada: Person, mallory: Person) -> None:
    job = finished(ada.principal, landscape(features=[feature("Import")]))
    for job_id in (job.pk, uuid.uuid4(), "x", ""):
        answer = select(mallory, job_id, "id of Import")
        assert (answer.status_code, answer.json()) == (404, {"detail": "research_not_found"})


@pytest.mark.parametrize("features", [[], ["x"] * 51, [{}], "x", None])
def test_ids_of_another_kind(ada: Person, features: Any) -> None:
    body = {"research_id": str(uuid.uuid4()), "selected_feature_ids": features}
    assert ada.client.post("/v1/pipeline/feature-selection", body).status_code == 422
