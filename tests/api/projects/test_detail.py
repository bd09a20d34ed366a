"""GET and PATCH /projects/{project_id}"""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.db import IntegrityError

from projects import actions
from projects.models import Project
from realtime.models import Stream
from tests import factories
from tests.helpers.people import Person


def url(project: Project) -> str:
    return f"/projects/{project.pk}"


def test_get(ada: Person) -> None:
    created = ada.client.post("/projects", {"title": "A box", "description": "for recipes"}).json()
    body = ada.client.get(f"/projects/{created['id']}").json()
    publication = body.pop("publication")
    assert body == created
    assert (publication["published"], publication["path"], publication["published_at"]) == (False, None, None)


@pytest.mark.parametrize("method", ["get", "patch", "delete"])
def test_somebody_elses_is_as_absent_as_none(ada: Person, mallory: Person, method: str) -> None:
    project = factories.project(ada.principal)
    call = getattr(mallory.client, method)
    foreign, absent = call(url(project)), call(f"/projects/{uuid.uuid4()}")
    assert (foreign.status_code, foreign.content) == (absent.status_code, absent.content)
    assert (absent.status_code, absent.json()) == (404, {"detail": "Not found"})
    assert Project.objects.filter(pk=project.pk).exists()


def test_patch_changes_what_is_told(ada: Person) -> None:
    project = factories.project(ada.principal, title="A box", description="for recipes")
    body = ada.client.patch(url(project), {"title": "A chest. "}).json()
    assert (body["title"], body["clean_title"], body["description"]) == ("A chest.", "A chest", "for recipes")
    assert body["slug"].startswith("a-chest-")
    assert body["slug"].rpartition("-")[2] == project.slug.rpartition("-")[2]
    assert body["updated_at"] > project.updated_at.isoformat()
    assert Stream.objects.get(pk=project.pk).title == "A chest"
    body = ada.client.patch(url(project), {"description": "For tools. And more."}).json()
    assert (body["title"], body["one_liner"]) == ("A chest.", "For tools.")


@pytest.mark.parametrize("body", [{}, {"title": None}, {"description": None}, {"id": "x", "state": "ready"}])
def test_patch_with_nothing_changes_no_words(ada: Person, body: Any) -> None:
    project = factories.project(ada.principal)
    changed = ada.client.patch(url(project), body)
    assert changed.status_code == 200
    assert (changed.json()["title"], changed.json()["state"]) == (project.title, "draft")


@pytest.mark.parametrize(
    ("body", "detail"),
    [({"title": " "}, "title must not be blank"), ({"description": []}, "description must be a string")],
)
def test_values_that_are_not_accepted(ada: Person, body: Any, detail: str) -> None:
    response = ada.client.patch(url(factories.project(ada.principal)), body)
    assert (response.status_code, response.json()) == (422, {"detail": detail})


def test_idea_of_another_project_is_a_conflict(ada: Person) -> None:
    factories.project(ada.principal, title="A chest")
    project = factories.project(ada.principal, title="A box")
    response = ada.client.patch(url(project), {"title": "chests"})
    detail = {"detail": "You already have a project for this idea"}
    assert (response.status_code, response.json()) == (409, detail)
    project.refresh_from_db()
    assert project.title == "A box"


def test_creation_finds_the_changed_idea_and_not_the_old_one(ada: Person) -> None:
    project = factories.project(ada.principal, title="A box")
    ada.client.patch(url(project), {"title": "A chest"})
    assert ada.client.post("/projects", {"title": "chests"}).json()["id"] == str(project.pk)
    assert ada.client.post("/projects", {"title": "A box"}).status_code == 201


def test_slug_of_a_published_project_stays(ada: Person) -> None:
    project = factories.project(ada.principal, title="A box")
    ada.client.post(f"{url(project)}/publish")
    assert ada.client.patch(url(project), {"title": "A chest"}).json()["slug"] == project.slug
    ada.client.post(f"{url(project)}/unpublish")
    assert ada.client.patch(url(project), {"title": "A trunk"}).json()["slug"] == project.slug


def test_another_refusal_of_the_database_is_not_told_as_a_known_idea(ada: Person) -> None:
    project, other = (
        factories.project(ada.principal, title="A box"),
        factories.project(ada.principal, title="A chest"),
    )
    with pytest.raises(IntegrityError, match="slug"):
        actions.save(project, slug=other.slug)
