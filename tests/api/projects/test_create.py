"""POST /projects"""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import pytest
from django.db import connection

from projects import actions, signals, slugs
from projects.models import Project
from realtime.models import Stream
from tests import factories
from tests.helpers.people import Person, person

URL = "/projects"
IDEA = {"title": "A recipe box for families", "description": "Parents plan dinners. Kids vote."}
FIELDS = {
    "id",
    "user_id",
    "title",
    "slug",
    "state",
    "quality_score",
    "description",
    "clean_title",
    "one_liner",
    "normalization_status",
    "created_at",
    "updated_at",
}


def refused(response: Any, status: int, detail: str) -> None:
    assert (response.status_code, response.json()) == (status, {"detail": detail})
    assert not Project.objects.exists()


def test_project_has_the_documented_fields(ada: Person) -> None:
    response = ada.client.post(URL, IDEA)
    body = response.json()
    assert response.status_code == 201
    assert set(body) == FIELDS
    assert (body["user_id"], body["title"], body["description"]) == (ada.principal.pk, *IDEA.values())
    assert (body["state"], body["quality_score"], body["normalization_status"]) == ("draft", 0, "complete")
    assert body["clean_title"] == "A recipe box for families"
    assert body["one_liner"] == "Parents plan dinners."
    assert body["slug"].rpartition("-")[0] == "a-recipe-box-for-families"
    assert len(body["slug"].rpartition("-")[2]) == 6
    assert datetime.fromisoformat(body["created_at"]) == datetime.fromisoformat(body["updated_at"])


def test_project_comes_with_its_stream(ada: Person) -> None:
    project_id = ada.client.post(URL, IDEA).json()["id"]
    stream = Stream.objects.get(pk=project_id)
    assert (stream.channel, stream.owner_id, str(stream.project_id)) == (
        "project",
        ada.principal.pk,
        project_id,
    )
    assert (stream.title, stream.status, stream.closed_seq) == (IDEA["title"], "active", None)


def test_description_may_be_left_out(ada: Person) -> None:
    body = ada.client.post(URL, {"title": " A recipe box. "}).json()
    assert (body["title"], body["clean_title"]) == ("A recipe box.", "A recipe box")
    assert (body["description"], body["one_liner"]) == ("", "A recipe box.")


@pytest.mark.parametrize(
    "again",
    [
        IDEA,
        {"title": "a RECIPE box, for families!", "description": "Parents plan dinners; kids vote"},
        {"title": "Recipe boxes for the family", "description": "Parent plans dinner. Kid votes."},
    ],
)
def test_same_idea_is_the_same_project(ada: Person, again: dict[str, str]) -> None:
    first = ada.client.post(URL, IDEA).json()
    response = ada.client.post(URL, again)
    second = response.json()
    assert response.status_code == 200
    assert {**second, "updated_at": first["updated_at"]} == first
    assert second["updated_at"] > first["updated_at"]
    assert Project.objects.count() == Stream.objects.count() == 1


def test_same_idea_floats_to_the_top(ada: Person) -> None:
    first = ada.client.post(URL, IDEA).json()["id"]
    other = ada.client.post(URL, {"title": "A dog walking app"}).json()["id"]
    ada.client.post(URL, IDEA)
    assert [project["id"] for project in ada.client.get(URL).json()["projects"]] == [first, other]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"title": "Box", "description": "for recipes"}, {"title": "Box", "description": "for tools"}),
        ({"title": "Box", "description": "for recipes"}, {"title": "Box"}),
        ({"title": "Sellers find buyers"}, {"title": "Buyers find sellers"}),
        ({"title": "Chat with ads"}, {"title": "Chat without ads"}),
        ({"title": "An organ directory"}, {"title": "An organisation directory"}),
        ({"title": "A C++ course"}, {"title": "A C# course"}),
        ({"title": "???"}, {"title": "!!!"}),
        ({"title": "家族のレシピ"}, {"title": "家族の写真"}),
    ],
)
def test_different_ideas_stay_apart(ada: Person, one: dict[str, str], other: dict[str, str]) -> None:
    assert [ada.client.post(URL, body).status_code for body in (one, other)] == [201, 201]


def test_everybody_has_a_project_of_their_own(ada: Person, mallory: Person) -> None:
    assert ada.client.post(URL, IDEA).status_code == 201
    assert mallory.client.post(URL, IDEA).status_code == 201


@pytest.mark.parametrize("body", [{}, {"title": None}, {"name": "A box"}])
def test_title_is_required(ada: Person, body: Any) -> None:
    refused(ada.client.post(URL, body), 400, "title required")


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"title": ""}, "title must not be blank"),
        ({"title": " \n\t"}, "title must not be blank"),
        ({"title": "\u200b\u202e"}, "title must not be blank"),
        ({"title": 5}, "title must be a string"),
        ({"title": ["A box"]}, "title must be a string"),
        ({"title": "x" * 301}, "title must have at most 300 characters"),
        ({"title": "A box", "description": 5}, "description must be a string"),
        ({"title": "A box", "description": "x" * 8001}, "description must have at most 8000 characters"),
    ],
)
def test_values_that_are_not_accepted(ada: Person, body: Any, detail: str) -> None:
    refused(ada.client.post(URL, body), 422, detail)


@pytest.mark.parametrize(
    "title", ["x" * 300, "🦄", "<script>alert(1)</script>", "'; DROP TABLE x; --", "\u202ebox"]
)
def test_odd_titles(ada: Person, title: str) -> None:
    body = ada.client.post(URL, {"title": title}).json()
    assert body["title"] == title
    assert ada.client.get(f"{URL}/{body['id']}").json()["title"] == title


def test_refused_receiver_leaves_nothing(ada: Person) -> None:
    """The project, its stream and what receivers write are one transaction."""

    def fail(**_: Any) -> None:
        raise RuntimeError("a receiver failed")

    signals.project_created.connect(fail)
    try:
        with pytest.raises(RuntimeError):
            actions.create(owner_id=ada.principal.pk, title="A box")
    finally:
        signals.project_created.disconnect(fail)
    assert not Project.objects.exists()
    assert not Stream.objects.exists()


def test_signal_is_sent_for_new_projects_only(ada: Person) -> None:
    heard: list[uuid.UUID] = []

    def listen(project: Project, **_: Any) -> None:
        heard.append(project.pk)

    signals.project_created.connect(listen)
    try:
        made = [actions.create(owner_id=ada.principal.pk, title="A box") for _ in range(2)]
    finally:
        signals.project_created.disconnect(listen)
    assert heard == [made[0].project.pk]
    assert [created.is_new for created in made] == [True, False]


def test_slug_that_is_taken_is_drawn_again(ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = factories.project(title="A box", description="for tools").slug
    drawn = iter([taken.rpartition("-")[2], "abcdef"])
    monkeypatch.setattr(slugs, "suffix", lambda project_id: next(drawn))
    assert ada.client.post(URL, {"title": "A box"}).json()["slug"] == "a-box-abcdef"


@pytest.mark.django_db(transaction=True)
def test_many_at_once_make_one_project() -> None:
    ada = person("ada")

    def create(_: int) -> tuple[int, str]:
        try:
            response = ada.client.post(URL, IDEA)
            return response.status_code, response.json()["id"]
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(create, range(24)))
    assert sorted(status for status, _ in answers) == [200] * 23 + [201]
    assert len({project_id for _, project_id in answers}) == 1
    assert Project.objects.count() == Stream.objects.count() == 1
