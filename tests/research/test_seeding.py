"""What a new project is told about its market."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import OperationalError
from procrastinate import JobContext
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.jobs import Job

from projects import actions, indexing
from projects.models import Project
from realtime import runs
from realtime.models import Event, Stream
from research import seeding
from research.corpus import importing
from research.models import ResearchJob
from research.pipeline import market
from research.tasks import seed_project
from tests import factories
from tests.helpers.people import Person

IDEA = "A recipe box that plans meals for families"


def seeded(project: Project) -> dict[str, Any]:
    """The one event of that kind."""
    data: dict[str, Any] = Event.objects.get(stream_id=project.pk, type="project.seeded").data
    return data


def work(project_id: str, attempts: int = 0) -> None:
    """The job, as a worker does it the given time after the first."""
    job = Job(
        queue="background",
        lock=None,
        queueing_lock=None,
        task_name="research.seed_project",
        attempts=attempts,
    )
    context = JobContext(app=app, job=job, start_timestamp=0.0, abort_reason=lambda: None)
    seed_project(context, project_id=project_id)


def researched(person: Person, title: str = IDEA) -> Project:
    """A project with completed research, findable."""
    project = factories.project(person.principal, title=title)
    job = factories.research_job(person.principal, idea=title, project_id=project.pk)
    job.stream.project_id = project.pk
    job.stream.save(update_fields=["project_id"])
    assert runs.execute(job.pk, market.pipeline(), lambda journal: market.context(job, journal))
    job.stream.refresh_from_db()
    assert job.stream.status == "completed"
    indexing.embed_one(project.pk)
    return project


def test_creation_defers_it_and_tells_it_on_the_projects_stream(
    ada: Person, corpus: list[importing.Record]
) -> None:
    project_id = ada.client.post("/projects", {"title": IDEA}).json()["id"]
    job = ProcrastinateJob.objects.get(task_name="research.seed_project")
    assert (job.args, job.lock) == ({"project_id": project_id}, None)
    assert ada.client.get(f"/projects/{project_id}/home").json()["ws"]["last_event_seq"] == 0
    work(**job.args)
    event = Event.objects.get(stream_id=project_id)
    assert (event.type, event.seq, event.project_seq, str(event.project_id)) == (
        "project.seeded",
        1,
        1,
        project_id,
    )
    assert ada.client.get(f"/projects/{project_id}/home").json()["ws"]["last_event_seq"] == 1


def test_suggestions_from_the_catalogue(ada: Person, corpus: list[importing.Record]) -> None:
    project = factories.project(ada.principal, title=IDEA)
    assert seeding.seed(project)
    data = seeded(project)
    assert data["project_id"] == str(project.pk)
    competitors, features = data["suggested_competitors"], data["suggested_features"]
    meals = {record.name for record in corpus if record.category == "recipes-and-meal-planning"}
    assert 3 <= len(competitors) <= seeding.COMPETITORS
    assert len(meals & {item["name"] for item in competitors}) >= 3
    assert set(competitors[0]) == {"id", "name", "url", "domain", "category", "source"}
    assert {item["source"] for item in competitors + features} == {"catalogue"}
    assert 1 <= len(features) <= seeding.FEATURES


@pytest.mark.parametrize("title", ["An app", "???", "asdf qwer zxcv", "料理の箱"])
def test_idea_that_says_nothing_gets_empty_lists(
    ada: Person, corpus: list[importing.Record], title: str
) -> None:
    project = factories.project(ada.principal, title=title)
    assert seeding.seed(project)
    assert (seeded(project)["suggested_competitors"], seeded(project)["suggested_features"]) == ([], [])


def test_empty_corpus_gets_empty_lists(ada: Person) -> None:
    project = factories.project(ada.principal, title=IDEA)
    assert seeding.seed(project)
    assert seeded(project)["suggested_competitors"] == []


def test_earlier_research_comes_first(ada: Person, corpus: list[importing.Record]) -> None:
    researched(ada)
    again = factories.project(ada.principal, title="A recipe box that plans meals for couples")
    seeding.seed(again)
    found = seeded(again)
    assert (
        found["suggested_competitors"][0]["source"] == found["suggested_features"][0]["source"] == "research"
    )
    names = [item["name"].casefold() for item in found["suggested_competitors"]]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(("options", "expected"), [(None, False), ({}, True), ({"research": False}, False)])
def test_others_research_only_while_they_show_it(
    ada: Person, mallory: Person, corpus: list[importing.Record], options: Any, expected: bool
) -> None:
    theirs = researched(mallory)
    if options is not None:
        actions.publish(theirs, options)
    project = factories.project(ada.principal, title=IDEA)
    seeding.seed(project)
    told = json.dumps(seeded(project))
    assert ('"research"' in told) is expected
    assert mallory.principal.pk not in told
    assert str(theirs.pk) not in told


def test_of_a_published_project_only_the_research_that_its_page_shows(
    ada: Person, mallory: Person, corpus: list[importing.Record]
) -> None:
    theirs = researched(mallory)
    shown = ResearchJob.objects.get()
    before = factories.research_job(
        mallory.principal, idea=IDEA, project_id=theirs.pk, artifact=shown.artifact
    )
    for row in before.artifact["features"]:  # type: ignore[index]
        row["label"] = f"withdrawn {row['label']}"
    before.save(update_fields=["artifact"])
    Stream.objects.filter(pk=before.pk).update(project_id=theirs.pk, created_at="2020-01-01T00:00:00Z")
    actions.publish(theirs, {})
    project = factories.project(ada.principal, title=IDEA)
    seeding.seed(project)
    told = json.dumps(seeded(project))
    assert '"research"' in told
    assert "withdrawn" not in told


def test_it_is_told_once(ada: Person, corpus: list[importing.Record]) -> None:
    project = factories.project(ada.principal, title=IDEA)
    stale = Project.objects.get(pk=project.pk)
    assert seeding.seed(project)
    assert not seeding.seed(stale)  # delivered twice, both began before the other ended
    work(str(project.pk))
    assert Event.objects.filter(stream_id=project.pk).count() == 1


@pytest.mark.parametrize(
    ("failure", "attempts", "ends"),
    [
        (OperationalError("gone"), 0, False),
        (OperationalError("gone"), 5, True),
        (ValueError("a defect"), 0, True),
    ],
)
def test_the_last_failure_suggests_nothing(
    ada: Person, monkeypatch: pytest.MonkeyPatch, failure: Exception, attempts: int, ends: bool
) -> None:
    def fail(project: Project) -> None:
        raise failure

    project = factories.project(ada.principal, title=IDEA)
    monkeypatch.setattr(seeding, "suggest", fail)
    with pytest.raises(type(failure)):
        work(str(project.pk), attempts)
    told = [event.data for event in Event.objects.filter(stream_id=project.pk)]
    nothing = {"project_id": str(project.pk), "suggested_competitors": [], "suggested_features": []}
    assert told == ([nothing] if ends else [])
    assert bool(Project.objects.get(pk=project.pk).seeded_at) is ends


def test_project_that_is_deleted_meanwhile(ada: Person) -> None:
    project = factories.project(ada.principal, title=IDEA)
    actions.delete(Project.objects.get(pk=project.pk))
    assert not seeding.seed(project)
    work(str(project.pk))
    assert not Event.objects.exists()


def test_home_and_public_page_show_the_latest_research(ada: Person, corpus: list[importing.Record]) -> None:
    project = researched(ada)
    job = ResearchJob.objects.get()
    home = ada.client.get(f"/projects/{project.pk}/home").json()
    assert home["researches"][0]["entity_id"] == home["research"]["job_id"] == str(job.pk)
    assert home["research"]["quality_score"] == home["project"]["quality_score"] == job.quality_score
    assert home["project"]["state"] == "ready"
    assert home["research"]["top_competitors"][0]["name"]
    assert home["research"]["summary"][0]["text"]
    actions.publish(project, {})
    page = ada.client.get(f"/public/p/{project.slug}", headers={"Accept": "application/json"}).json()
    assert page["research"]["features"][0]["name"] == home["research"]["features"][0]["name"]
    assert page["idea"]["target_user"] == "families"
    assert str(job.pk) not in json.dumps(page)
    html = ada.client.get(f"/public/p/{project.slug}").content.decode()
    assert home["research"]["top_competitors"][0]["name"] in html
