"""DELETE /projects/{project_id}"""

from __future__ import annotations

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from accounts import credits
from accounts.models import ModelCall, Principal
from manticscore import errors, pipeline
from projects import actions, signals
from projects.models import IndexedIdea, Project
from realtime import publish, runs
from realtime.events import ProgressEvent
from realtime.models import Event, StageResult, Stream
from research.models import Evidence, ResearchJob
from tests import factories
from tests.helpers.people import Person, person

OTHER = ProgressEvent(stage="search", message="goes on")


def research_under(project: Project, owner: Principal, **values: object) -> ResearchJob:
    job = factories.research_job(owner, project_id=project.pk, **values)
    Stream.objects.filter(pk=job.pk).update(project_id=project.pk)
    return job


def test_everything_under_it_goes_and_nothing_else(ada: Person) -> None:
    project, other = (factories.project(ada.principal, title=title) for title in ("A box", "A chest"))
    job, kept = research_under(project, ada.principal), research_under(other, ada.principal)
    for each in (job, kept):
        journal = runs.claim(each.pk)
        assert journal is not None
        journal.checkpoint("interpret", {}, {"name": "interpret", "status": "completed"})
        Evidence.objects.create(
            owner=ada.principal, job=each, key=uuid.uuid4(), source=factories.source(str(each.pk)),
            quote="Mealie", start=0, end=6, weight=1,
        )  # fmt: skip
    response = ada.client.delete(f"/projects/{project.pk}")
    assert (response.status_code, response.content) == (204, b"")
    assert list(Project.objects.all()) == [other]
    assert set(Stream.objects.values_list("pk", flat=True)) == {other.pk, kept.pk}
    for model in (Event, StageResult):
        assert set(model.objects.values_list("stream_id", flat=True)) == {kept.pk}
    assert list(ResearchJob.objects.all()) == [kept]
    assert Evidence.objects.get().job_id == kept.pk
    assert IndexedIdea.objects.get().pk == other.pk
    for path in (f"/projects/{project.pk}", f"/research/{job.pk}", f"/projects/{project.pk}/home"):
        assert ada.client.get(path).status_code == 404


def test_again_is_404(ada: Person) -> None:
    project = factories.project(ada.principal)
    answers = [ada.client.delete(f"/projects/{project.pk}").status_code for _ in range(2)]
    assert answers == [204, 404]


def test_running_job_is_stopped_at_its_next_event(ada: Person) -> None:
    project = factories.project(ada.principal)
    job = research_under(project, ada.principal)
    journal = runs.claim(job.pk)
    assert journal is not None
    journal.emit("progress", {"stage": "search", "message": "on its way"})
    actions.delete(project)
    with pytest.raises(pipeline.Superseded):
        journal.emit("progress", {"stage": "search", "message": "too late"})
    with pytest.raises(pipeline.Superseded), journal.fenced(), transaction.atomic():
        pass


def test_job_that_has_not_begun_costs_nothing(ada: Person) -> None:
    project = factories.project(ada.principal)
    accepted = ada.client.post("/research", {"idea": "a recipe box", "project_id": str(project.pk)}).json()
    assert credits.usage(ada.principal.pk).credits == 3
    ada.client.delete(f"/projects/{project.pk}")
    assert credits.usage(ada.principal.pk).credits == 0
    assert not Stream.objects.filter(pk=accepted["job_id"]).exists()


def test_upper_apps_are_told_before_it_goes(ada: Person) -> None:
    project = factories.project(ada.principal)
    there: list[bool] = []

    def listen(project: Project, **_: object) -> None:
        there.append(Stream.objects.filter(pk=project.pk).exists())

    signals.project_deleted.connect(listen)
    try:
        actions.delete(project)
    finally:
        signals.project_deleted.disconnect(listen)
    assert there == [True]


def test_the_idea_is_free_again(ada: Person) -> None:
    first = ada.client.post("/projects", {"title": "A box"}).json()["id"]
    ada.client.delete(f"/projects/{first}")
    again = ada.client.post("/projects", {"title": "A box"})
    assert again.status_code == 201
    assert again.json()["id"] != first


@pytest.mark.django_db(transaction=True)
def test_writers_and_a_deletion_do_not_lock_each_other_out() -> None:
    ada = person("ada")
    project = factories.project(ada.principal)
    journals = [runs.claim(research_under(project, ada.principal).pk) for _ in range(4)]
    begun = threading.Barrier(5)

    def write(journal: runs.StreamJournal) -> str:
        begun.wait(10)
        try:
            while True:
                journal.emit("progress", {"stage": "search", "message": "on its way"})
        except pipeline.Superseded:
            return "stopped"
        finally:
            connection.close()

    def remove() -> str:
        begun.wait(10)
        try:
            actions.delete(project)
            return "deleted"
        finally:
            connection.close()

    with ThreadPoolExecutor(5) as pool:
        tasks = [pool.submit(write, journal) for journal in journals if journal] + [pool.submit(remove)]
        assert [task.result() for task in tasks] == ["stopped"] * 4 + ["deleted"]
    assert not Stream.objects.exists()
    assert not Event.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_project_that_is_held_is_deleted_afterwards() -> None:
    """What is stored under a project while it is being deleted is removed with it."""
    ada = person("ada")
    project = factories.project(ada.principal)
    held, go_on = threading.Event(), threading.Event()

    def start_something() -> None:
        try:
            with transaction.atomic():
                actions.hold(ada.principal.pk, project.pk)
                held.set()
                go_on.wait(10)
                factories.stream(ada.principal, project_id=project.pk)
        finally:
            connection.close()

    def remove() -> None:
        held.wait(10)
        try:
            threading.Timer(0.05, go_on.set).start()
            actions.delete(project)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        for task in [pool.submit(start_something), pool.submit(remove)]:
            task.result()
    assert not Stream.objects.exists()


def test_hold_knows_own_projects_only(ada: Person, mallory: Person) -> None:
    project = factories.project(ada.principal)
    assert actions.hold(ada.principal.pk, project.pk) == project
    for owner_id, project_id in ((mallory.principal.pk, project.pk), (ada.principal.pk, uuid.uuid4())):
        with pytest.raises(errors.NotFound):
            actions.hold(owner_id, project_id)


def test_appending_to_a_deleted_projects_stream(ada: Person) -> None:
    project = factories.project(ada.principal)
    actions.delete(project)
    with pytest.raises(pipeline.Superseded):
        publish.append(project.pk, 0, [OTHER])


def test_what_models_answered_goes_and_what_it_cost_stays(ada: Person) -> None:
    project = factories.project(ada.principal)
    job, kept = research_under(project, ada.principal), factories.research_job(ada.principal)
    build = factories.build_graph(ada.principal, project_id=project.pk)
    for stream_id in (job.pk, build.pk, kept.pk):
        factories.model_call(ada.principal, stream_id=stream_id, reply={"data": {}})
    assert ada.client.delete(f"/projects/{project.pk}").status_code == 204
    calls = ModelCall.objects.filter(owner=ada.principal)
    assert list(calls.exclude(reply=None).values_list("stream_id", flat=True)) == [kept.pk]
    assert list(calls.exclude(fingerprint="").values_list("stream_id", flat=True)) == [kept.pk]
    assert {call.micro_usd for call in calls} == {700}
