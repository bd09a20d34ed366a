"""POST /projects/{project_id}/publish and /unpublish"""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from projects.models import IndexedIdea, Project
from tests import factories
from tests.helpers.people import Person

DEFAULTS = {"idea": True, "research": True, "build_plan": False, "forge": False}


def call(person: Person, project: Project, verb: str, body: Any = None) -> Any:
    return person.client.post(f"/projects/{project.pk}/{verb}", body or {})


def test_publish(ada: Person) -> None:
    project = factories.project(ada.principal)
    body = call(ada, project, "publish").json()
    assert body.pop("published_at") is not None
    path = f"/public/p/{project.slug}"
    assert body == {"published": True, "slug": project.slug, "path": path, "public_options": DEFAULTS}
    assert ada.client.get(f"/projects/{project.pk}").json()["publication"]["published"] is True


def test_publishing_again_changes_options_and_not_the_date(ada: Person) -> None:
    project = factories.project(ada.principal)
    first = call(ada, project, "publish", {"public_options": {"research": False}}).json()
    second = call(ada, project, "publish", {"public_options": {"forge": True}}).json()
    assert second["published_at"] == first["published_at"]
    assert second["public_options"] == {**DEFAULTS, "research": False, "forge": True}


def test_unpublish(ada: Person) -> None:
    project = factories.project(ada.principal)
    call(ada, project, "publish")
    for _ in range(2):
        response = call(ada, project, "unpublish")
        assert response.status_code == 200
        assert (response.json()["published"], response.json()["path"]) == (False, None)
    assert ada.client.get(f"/public/p/{project.slug}").status_code == 404


def test_others_find_it_while_it_is_published(ada: Person) -> None:
    project = factories.project(ada.principal)
    call(ada, project, "publish")
    assert IndexedIdea.objects.get(pk=project.pk).is_public
    call(ada, project, "publish", {"public_options": {"idea": False}})
    assert not IndexedIdea.objects.get(pk=project.pk).is_public
    call(ada, project, "publish", {"public_options": {"idea": True}})
    assert IndexedIdea.objects.get(pk=project.pk).is_public
    call(ada, project, "unpublish")
    assert not IndexedIdea.objects.get(pk=project.pk).is_public


@pytest.mark.parametrize(
    ("options", "detail"),
    [
        ({"secrets": True}, "public_options: must be among idea, research, build_plan, forge"),
        ("all", 'public_options: Expected a dictionary of items but got type "str".'),
        ({"idea": "perhaps"}, "public_options: idea: Must be a valid boolean."),
    ],
)
def test_options_that_do_not_exist(ada: Person, options: Any, detail: str) -> None:
    project = factories.project(ada.principal)
    response = call(ada, project, "publish", {"public_options": options})
    assert (response.status_code, response.json()) == (422, {"detail": detail})
    project.refresh_from_db()
    assert not project.is_public


@pytest.mark.parametrize("verb", ["publish", "unpublish"])
def test_somebody_elses_is_as_absent_as_none(ada: Person, mallory: Person, verb: str) -> None:
    project = factories.project(ada.principal)
    foreign = call(mallory, project, verb)
    absent = mallory.client.post(f"/projects/{uuid.uuid4()}/{verb}", {})
    assert (foreign.status_code, foreign.content) == (absent.status_code, absent.content)
    assert absent.status_code == 404
