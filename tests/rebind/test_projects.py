"""Projects of one idea under two owners."""

from __future__ import annotations

import pytest

from projects.models import Project
from realtime.models import Stream
from tests import factories
from tests.helpers.people import Person
from tests.rebind import actors

pytestmark = pytest.mark.django_db


@pytest.fixture
def guest() -> Person:
    return actors.on_device()


@pytest.fixture
def grace() -> Person:
    return actors.signed_in("grace")


def rebind(grace: Person) -> None:
    assert grace.client.post("/auth/rebind", {"device_id": actors.DEVICE}).status_code == 200


def ids(person: Person) -> list[str]:
    return [project["id"] for project in person.client.get("/projects").json()["projects"]]


def test_projects_move_with_their_streams(guest: Person, grace: Person) -> None:
    project = factories.project(guest.principal)
    rebind(grace)
    assert ids(grace) == [str(project.pk)]
    assert Stream.objects.get(pk=project.pk).owner_id == "user_grace"
    assert grace.client.post("/projects", {"title": "recipe boxes"}).json()["id"] == str(project.pk)


def test_two_of_one_idea_both_stay(guest: Person, grace: Person) -> None:
    own = factories.project(grace.principal, title="A recipe box")
    devices = factories.project(guest.principal, title="Recipe boxes!")
    rebind(grace)
    assert sorted(ids(grace)) == sorted([str(own.pk), str(devices.pk)])
    again = grace.client.post("/projects", {"title": "recipe box"})
    assert (again.status_code, again.json()["id"]) == (200, str(own.pk))


def test_the_other_one_takes_over_when_the_first_goes(guest: Person, grace: Person) -> None:
    own, devices = factories.project(grace.principal), factories.project(guest.principal)
    rebind(grace)
    assert grace.client.delete(f"/projects/{own.pk}").status_code == 204
    again = grace.client.post("/projects", {"title": own.title})
    assert (again.status_code, again.json()["id"]) == (200, str(devices.pk))


def test_the_other_one_takes_over_when_the_first_changes(guest: Person, grace: Person) -> None:
    own, devices = factories.project(grace.principal), factories.project(guest.principal)
    rebind(grace)
    assert grace.client.patch(f"/projects/{own.pk}", {"title": "A chest"}).status_code == 200
    assert grace.client.post("/projects", {"title": devices.title}).json()["id"] == str(devices.pk)


def test_the_other_one_can_become_an_idea_of_its_own(guest: Person, grace: Person) -> None:
    own, devices = factories.project(grace.principal), factories.project(guest.principal)
    rebind(grace)
    assert grace.client.patch(f"/projects/{devices.pk}", {"title": "A chest"}).status_code == 200
    for project, title in ((own, own.title), (devices, "A chest")):
        assert grace.client.post("/projects", {"title": title}).json()["id"] == str(project.pk)


def test_three_of_one_idea(guest: Person, grace: Person) -> None:
    projects = [factories.project(grace.principal), factories.project(guest.principal)]
    rebind(grace)
    projects.append(factories.project(actors.on_device().principal))
    rebind(grace)
    assert Project.objects.filter(owner="user_grace").count() == 3
    assert [p.is_twin for p in Project.objects.order_by("created_at")] == [False, True, True]


def test_creation_that_was_under_way_finds_the_users_project(guest: Person, grace: Person) -> None:
    """The database writes it in the user's name, where the idea is known."""
    own = factories.project(grace.principal)
    rebind(grace)
    again = factories.project(guest.principal)
    assert again.pk == own.pk
    assert Stream.objects.filter(channel="project").count() == 1
