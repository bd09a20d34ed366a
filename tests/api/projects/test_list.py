"""GET /projects"""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from projects import actions
from projects.models import Project
from tests import factories
from tests.helpers.people import Person

URL = "/projects"


def titles(body: dict[str, Any]) -> list[str]:
    return [project["title"] for project in body["projects"]]


def made(person: Person, *names: str) -> list[Project]:
    return [factories.project(person.principal, title=name) for name in names]


def test_nothing_yet(ada: Person) -> None:
    response = ada.client.get(URL)
    assert (response.status_code, response.json()) == (200, {"projects": [], "next_cursor": None})


def test_own_projects_newest_first(ada: Person, mallory: Person) -> None:
    made(ada, "one", "two", "three")
    made(mallory, "hers")
    assert titles(ada.client.get(URL).json()) == ["three", "two", "one"]


def test_listed_like_it_was_created(ada: Person) -> None:
    created = ada.client.post(URL, {"title": "A box", "description": "for recipes"}).json()
    assert ada.client.get(URL).json()["projects"] == [created]


def test_pages_follow_each_other(ada: Person) -> None:
    made(ada, "one", "two", "three", "four", "five")
    seen, cursor, pages = [], "", 0
    while cursor is not None:
        body = ada.client.get(URL, {"limit": 2, **({"cursor": cursor} if cursor else {})}).json()
        seen += titles(body)
        cursor, pages = body["next_cursor"], pages + 1
    assert (seen, pages) == (["five", "four", "three", "two", "one"], 3)


def test_full_last_page_names_no_next_one(ada: Person) -> None:
    made(ada, "one", "two")
    assert ada.client.get(URL, {"limit": 2}).json()["next_cursor"] is None


def test_pages_are_stable_when_projects_change_come_and_go(ada: Person) -> None:
    _, _, three, _, _, six = made(ada, "one", "two", "three", "four", "five", "six")
    first = ada.client.get(URL, {"limit": 2}).json()
    assert titles(first) == ["six", "five"]
    actions.update(six, {"description": "seen, and changed"})
    made(ada, "seven")
    actions.delete(three)
    second = ada.client.get(URL, {"limit": 2, "cursor": first["next_cursor"]}).json()
    assert titles(second) == ["four", "two"]


def test_projects_of_one_moment_are_all_listed(ada: Person) -> None:
    projects = made(ada, *"abcde")
    Project.objects.update(updated_at=projects[0].updated_at)
    seen, cursor = [], None
    for _ in range(3):
        body = ada.client.get(URL, {"limit": 2, **({"cursor": cursor} if cursor else {})}).json()
        seen += titles(body)
        cursor = body["next_cursor"]
    assert sorted(seen) == list("abcde")
    assert cursor is None


def test_cursor_is_no_key_to_others_projects(ada: Person, mallory: Person) -> None:
    made(ada, "one", "two")
    cursor = ada.client.get(URL, {"limit": 1}).json()["next_cursor"]
    assert mallory.client.get(URL, {"cursor": cursor}).json()["projects"] == []


@pytest.mark.parametrize(
    "cursor", ["x", "AAAA", "é", "MjAyNi0wMS0wMSB4", "OTk5OS0xMi0zMVQyMzo1OTo1OS0xMjowMCA=", "x" * 500, "%00"]
)
def test_cursor_that_is_none(ada: Person, cursor: str) -> None:
    response = ada.client.get(URL, {"cursor": cursor})
    assert response.status_code == 422
    assert response.json()["detail"].startswith("cursor")


@pytest.mark.parametrize("limit", ["0", "-1", "101", "x", "1.5"])
def test_limit_out_of_range(ada: Person, limit: str) -> None:
    response = ada.client.get(URL, {"limit": limit})
    assert response.status_code == 422
    assert response.json()["detail"].startswith("limit")


def test_number_of_queries_does_not_grow(ada: Person) -> None:
    made(ada, "one")
    with CaptureQueriesContext(connection) as few:
        ada.client.get(URL)
    made(ada, *(f"idea {number}" for number in range(20)))
    with CaptureQueriesContext(connection) as many:
        ada.client.get(URL)
    assert len(many) == len(few)


def test_profile_counts_projects(ada: Person, mallory: Person) -> None:
    made(ada, "one", "two")
    assert ada.client.get("/profile").json()["project_count"] == 2
    assert mallory.client.get("/profile").json()["project_count"] == 0
