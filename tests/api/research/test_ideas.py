"""POST /ideas and POST /v1/ideas"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import LedgerEntry
from projects.models import IndexedIdea, Project
from realtime.models import StageResult, Stream
from research.model.notes import StageNotes
from research.models import Card, CorpusState, ResearchJob
from research.schemas import CategoryGuess, Facet, Interpretation
from tests import factories
from tests.helpers.landscapes import finished
from tests.helpers.people import JSONClient, Person

pytestmark = pytest.mark.django_db
IDEA = "A recipe box for families. It plans the week's meals."
VIOLATED = {
    "code": "BRIDGE_INVARIANT_VIOLATED",
    "message": "Could not create project for this idea. Please retry.",
}
# Stands in for whatever keeps a table from taking rows.
FAULT = """
    CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'the disk is on fire'; END $$;
    CREATE TRIGGER broken BEFORE INSERT ON {} FOR EACH ROW EXECUTE FUNCTION broken();
"""
FAULT_OF_TASK = """
    CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'the disk is on fire'; END $$;
    CREATE TRIGGER broken BEFORE INSERT ON procrastinate_jobs FOR EACH ROW
        WHEN (NEW.task_name = '{}') EXECUTE FUNCTION broken();
"""


def post(person: Person, idea: Any = IDEA, **more: Any) -> Any:
    return person.client.post("/ideas", {"idea": idea, **more})


def test_card(ada: Person) -> None:
    answer = post(ada)
    assert answer.status_code == 202
    card = answer.json()
    assert set(card) == {
        "id", "card_id", "project_id", "research_job_id", "idea", "title", "one_liner", "state", "stage",
        "quality_score", "last_event_seq", "created_at", "updated_at", "category", "target_user",
        "product_type", "problem_statement", "interpretation",
    }  # fmt: skip
    assert card["id"] == card["card_id"]
    assert (card["idea"], card["state"]) == (IDEA, "queued")
    assert (card["title"], card["one_liner"]) == (IDEA.rstrip("."), "A recipe box for families.")
    assert ada.client.get(f"/projects/{card['project_id']}").status_code == 200
    assert ada.client.get(f"/research/{card['research_job_id']}/status").json()["status"] == "queued"
    job = ResearchJob.objects.get()
    assert (str(job.project_id), str(job.stream.project_id)) == (card["project_id"], card["project_id"])
    assert LedgerEntry.objects.get().amount == 3


# How the idea is understood


def interpreted(job_id: str, output: Any) -> None:
    StageResult.objects.create(stream_id=job_id, stage="interpret", attempt=1, output=output)


def test_card_says_at_once_how_the_idea_is_understood(ada: Person) -> None:
    card = post(ada).json()
    told = Interpretation.model_validate(card["interpretation"])
    assert [(facet.type, facet.text) for facet in told.facets][:2] == [
        ("core", "recipe box"),
        ("audience", "families"),
    ]
    assert (card["product_type"], card["target_user"]) == ("recipe box", "families")
    assert (card["category"], card["problem_statement"]) == (None, None)
    assert post(ada).json()["interpretation"] == card["interpretation"]
    assert ada.client.get(f"/products/{card['id']}").json()["interpretation"] == card["interpretation"]


@pytest.mark.parametrize("notes", [None, StageNotes(stage="interpret", problem="Nobody knows what to cook.")])
def test_research_replaces_what_was_understood_at_once(ada: Person, notes: StageNotes | None) -> None:
    card = post(ada).json()
    found = Interpretation(
        facets=[Facet(text="cook book", type="core", weight=1.0)],
        categories=[CategoryGuess(slug="recipes-and-meal-planning", probability=0.9)],
        understanding=0.8,
        queries=[IDEA],
    ).model_dump(mode="json")
    output = {"refined": found, "notes": notes.model_dump(mode="json")} if notes else found
    interpreted(card["research_job_id"], output)
    [listed] = ada.client.get("/products").json()["products"]
    for shown in (post(ada).json(), listed, ada.client.get(f"/products/{card['id']}").json()):
        assert shown["interpretation"] == found
        assert (shown["category"], shown["product_type"]) == ("recipes-and-meal-planning", "cook book")
        assert shown["target_user"] is None
        assert shown["problem_statement"] == (notes.problem if notes else None)
    assert shown["interpretation"].keys() == card["interpretation"].keys()


@pytest.mark.parametrize("idea", ["an app", "....", "asdf qwer zxcv uiop"])
def test_idea_that_cannot_be_understood(ada: Person, idea: str) -> None:
    card = post(ada, idea).json()
    understood = ("category", "target_user", "product_type", "problem_statement", "interpretation")
    assert [card[name] for name in understood] == [None] * 5
    assert card["state"] == "queued", "the research says why"


def test_of_the_corpus_only_words_are_looked_up(ada: Person) -> None:
    CorpusState.objects.create(pk=1, sources=1)
    with CaptureQueriesContext(connection) as captured:
        assert post(ada).json()["interpretation"] is not None
    read = {name for query in captured for name in re.findall(r'"(research_\w+)"', query["sql"])}
    assert {"research_term", "research_corpusstate"} <= read
    assert read.isdisjoint({"research_source", "research_passage", "research_embeddingspace"})


@pytest.mark.parametrize(
    "idea", [IDEA, f"  {IDEA.upper()}  ", "a recipe box for families: it plans the weeks meal"]
)
def test_same_idea_is_the_same_card(ada: Person, idea: str) -> None:
    first, again = post(ada).json(), post(ada, idea).json()
    for name in ("id", "project_id", "research_job_id", "created_at"):
        assert again[name] == first[name]
    assert again["updated_at"] > first["updated_at"]
    assert (Card.objects.count(), Project.objects.count(), ResearchJob.objects.count()) == (1, 1, 1)


def test_project_of_the_idea_is_reused(ada: Person) -> None:
    project = ada.client.post("/projects", {"title": "A recipe box for families"}).json()
    assert post(ada, "a recipe box for families").json()["project_id"] == project["id"]


def test_others_have_cards_of_their_own(ada: Person, mallory: Person) -> None:
    assert post(ada).json()["project_id"] != post(mallory).json()["project_id"]


def test_research_that_runs_already_becomes_the_cards(ada: Person) -> None:
    job_id = ada.client.post("/research", {"idea": IDEA}).json()["job_id"]
    card = post(ada).json()
    assert card["research_job_id"] == job_id
    assert str(ResearchJob.objects.get().project_id) == card["project_id"], "it is the project's from now on"
    assert str(Stream.objects.get(pk=job_id).project_id) == card["project_id"]


def test_card_of_finished_research_is_ready(ada: Person) -> None:
    first = post(ada).json()
    Stream.objects.filter(pk=first["research_job_id"]).update(status="completed", closed_seq=1)
    again = post(ada).json()
    assert (again["state"], again["research_job_id"]) == ("ready", first["research_job_id"])


def test_research_that_failed_is_begun_again(ada: Person) -> None:
    first = post(ada).json()
    Stream.objects.filter(pk=first["research_job_id"]).update(status="failed", closed_seq=1)
    again = post(ada).json()
    assert again["id"] == first["id"]
    assert again["research_job_id"] != first["research_job_id"]
    assert again["state"] == "queued"


def test_fresh_research_of_the_project_is_used(ada: Person) -> None:
    project = ada.client.post("/projects", {"title": "a recipe box"}).json()["id"]
    job = finished(ada.principal, idea="a recipe box", project_id=uuid.UUID(project))
    card = post(ada, "a recipe box").json()
    assert (card["research_job_id"], card["state"]) == (str(job.pk), "ready")


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        ({}, 400, "idea required"),
        ({"idea": None}, 400, "idea required"),
        ({"idea": 5}, 422, "idea must be a string"),
        ({"idea": "abc"}, 422, "idea must have at least 4 characters"),
        ({"idea": "  abc  "}, 422, "idea must have at least 4 characters"),
        ({"idea": "x" * 8001}, 422, "idea must have at most 8000 characters"),
    ],
)
def test_refused(ada: Person, body: Any, status: int, detail: str) -> None:
    answer = ada.client.post("/ideas", body)
    assert (answer.status_code, answer.json()) == (status, {"detail": detail})
    assert not Project.objects.exists()


@pytest.mark.parametrize("idea", ["abcd", "word " * 1600, "x" * 8000, "家" * 8000, "ab\ncd"])
def test_accepted(ada: Person, idea: str) -> None:
    answer = post(ada, idea)
    assert answer.status_code == 202
    assert answer.json()["idea"] == idea.strip()
    assert post(ada, idea).json()["id"] == answer.json()["id"]


def test_no_credits_leaves_nothing(ada: Person, settings: LazySettings) -> None:
    settings.CREDITS_ENFORCED = True
    for number in range(6):  # 18 of 20
        settings.RESEARCH_RUNNING = 100
        assert post(ada, f"{IDEA} {number}").status_code == 202
    assert post(ada, "another box").status_code == 429
    assert (Project.objects.count(), Card.objects.count()) == (6, 6)


# The bridge


@contextmanager
def broken(table: str) -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute(FAULT.format(table))
        try:
            yield
        finally:
            cursor.execute("DROP FUNCTION broken() CASCADE")


def rows() -> list[int]:
    counted = (Project, Card, ResearchJob, Stream, LedgerEntry, IndexedIdea)
    return [model.objects.count() for model in counted]


def test_both_ways_to_a_project_fail(ada: Person, caplog: pytest.LogCaptureFixture) -> None:
    with broken("projects_project"):
        answer = post(ada)
    assert (answer.status_code, answer.json()) == (500, {"detail": VIOLATED})
    assert len(answer["X-Request-ID"]) == 16
    assert rows() == [0] * 6
    told = [record.message for record in caplog.records if record.name == "research.actions.cards"]
    assert told == ["no project for an idea by create", "no project for an idea by create_bare"]
    assert post(ada).status_code == 202, "the same request again"
    assert rows()[:3] == [1, 1, 1]


@pytest.mark.parametrize("table", ["projects_indexedidea"])
def test_second_way_makes_a_project_when_the_first_fails(
    ada: Person, table: str, caplog: pytest.LogCaptureFixture
) -> None:
    with broken(table):
        answer = post(ada)
    assert answer.status_code == 202
    project_id = answer.json()["project_id"]
    assert ada.client.get(f"/projects/{project_id}").status_code == 200
    assert ada.client.get(f"/projects/{project_id}/home").status_code == 200
    assert not IndexedIdea.objects.exists()
    assert post(ada).json()["project_id"] == project_id


@contextmanager
def broken_queue(task: str) -> Iterator[None]:
    """The job queue takes everything but jobs of this task."""
    with connection.cursor() as cursor:
        cursor.execute(FAULT_OF_TASK.format(task))
        try:
            yield
        finally:
            cursor.execute("DROP FUNCTION broken() CASCADE")


@pytest.mark.parametrize("task", ["research.seed_project", "projects.embed_idea"])
def test_second_way_makes_a_project_when_the_queue_refuses_what_belongs_to_it(
    ada: Person, task: str, caplog: pytest.LogCaptureFixture
) -> None:
    with broken_queue(task):
        answer = post(ada)
    assert answer.status_code == 202
    assert ada.client.get(f"/projects/{answer.json()['project_id']}/home").status_code == 200
    assert rows()[:3] == [1, 1, 1]
    told = [record.message for record in caplog.records if record.name == "research.actions.cards"]
    assert told == ["no project for an idea by create"]


def test_card_without_its_research_is_not_made(ada: Person) -> None:
    client = JSONClient(headers=ada.headers, raise_request_exception=False)
    with broken("research_researchjob"):
        assert client.post("/ideas", {"idea": IDEA}).status_code == 500
    assert rows() == [0] * 6


# POST /v1/ideas


def v1(person: Person, **body: Any) -> Any:
    return person.client.post("/v1/ideas", body)


def test_v1(ada: Person) -> None:
    answer = v1(ada, idea="app")
    card = Card.objects.get()
    assert (answer.status_code, answer.json()) == (201, {"card_id": str(card.pk), "status": "in_progress"})
    assert v1(ada, idea="App").json()["card_id"] == str(card.pk)


def test_v1_in_a_project(ada: Person, mallory: Person) -> None:
    project = factories.project(ada.principal, "Something else")
    answer = v1(ada, idea=IDEA, project_id=str(project.pk))
    assert answer.status_code == 201
    assert Card.objects.get(pk=answer.json()["card_id"]).project_id == project.pk
    again = v1(ada, idea=IDEA, project_id=str(project.pk))
    assert again.json()["card_id"] == answer.json()["card_id"]
    other = v1(ada, idea="a tool box", project_id=str(project.pk))
    assert other.json()["card_id"] != answer.json()["card_id"]
    assert v1(mallory, idea=IDEA, project_id=str(project.pk)).status_code == 404


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        ({}, 400, "idea required"),
        ({"idea": "ab"}, 422, "idea must have at least 3 characters"),
        ({"idea": "x" * 5001}, 422, "idea must have at most 5000 characters"),
        ({"idea": IDEA, "project_id": "x"}, 422, "project_id must be a UUID or null"),
    ],
)
def test_v1_refused(ada: Person, body: Any, status: int, detail: str) -> None:
    answer = v1(ada, **body)
    assert (answer.status_code, answer.json()) == (status, {"detail": detail})


# Two projects, one idea


def of_project(person: Person, project: Project, idea: str = IDEA) -> Card:
    card_id = v1(person, idea=idea, project_id=str(project.pk)).json()["card_id"]
    return Card.objects.select_related("research__stream").get(pk=card_id)


def test_a_card_has_research_of_its_own_project(ada: Person) -> None:
    alpha, beta = factories.project(ada.principal, "Alpha"), factories.project(ada.principal, "Beta")
    first, second = of_project(ada, alpha), of_project(ada, beta)
    assert second.research is not None
    assert second.research_id != first.research_id
    assert (second.research.project_id, second.research.stream.project_id) == (beta.pk, beta.pk)
    assert of_project(ada, beta).research_id == second.research_id
    assert ada.client.post("/research", {"idea": IDEA}).status_code == 409, "identical, whatever the project"
    assert ada.client.delete(f"/projects/{alpha.pk}").status_code == 204
    assert ada.client.get(f"/products/{second.pk}").json()["research_job_id"] == str(second.research_id)
    assert ada.client.get(f"/research/{second.research_id}/status").json()["status"] == "queued"


def test_a_project_that_has_research_at_work_begins_no_other(ada: Person) -> None:
    """Also when that of the other project, beside which it began, has ended."""
    alpha, beta = factories.project(ada.principal, "Alpha"), factories.project(ada.principal, "Beta")
    of_project(ada, alpha)
    own = of_project(ada, beta)
    Card.objects.filter(pk=own.pk).delete()
    ada.client.delete(f"/projects/{alpha.pk}")
    assert of_project(ada, beta).research_id == own.research_id


def test_card_outlives_research_of_another_project(ada: Person) -> None:
    alpha, beta = factories.project(ada.principal, "Alpha"), factories.project(ada.principal, "Beta")
    job = finished(ada.principal, project_id=alpha.pk, idea=IDEA)
    of_idea = factories.card(ada.principal, job, project=beta)
    chosen = factories.card(ada.principal, job, project=beta, kind=Card.Kind.FEATURES)
    assert ada.client.delete(f"/projects/{alpha.pk}").status_code == 204
    for card in (of_idea, chosen):
        told = ada.client.get(f"/products/{card.pk}").json()
        assert (told["research_job_id"], told["artifact"], told["evidence"]) == (None, None, [])
        assert (told["state"], told["last_event_seq"], told["checkpoints"]) == ("failed", 0, [])
    assert ada.client.get("/products").json()["products"][0]["id"] == str(of_idea.pk)
    assert ada.client.get(f"/products/{of_idea.pk}/events").status_code == 404
    assert of_project(ada, beta).research_id is not None, "it is begun again"


# A section of it that is made anew


def test_result_that_stands_is_not_paid_for_again(ada: Person) -> None:
    """Whatever became of a free attempt to make a part of it anew."""
    card = post(ada).json()
    job_id = card["research_job_id"]
    Stream.objects.filter(pk=job_id).update(status="completed", closed_seq=0)
    ResearchJob.objects.filter(pk=job_id).update(artifact={"features": []}, quality_score=50)
    assert ada.client.post(f"/research/{job_id}/sections/summary/retry").status_code == 202
    assert ada.client.post(f"/research/{job_id}/cancel").status_code == 200
    assert post(ada).json()["research_job_id"] == job_id
    assert LedgerEntry.objects.filter(kind="charge").count() == 1
