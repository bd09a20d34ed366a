"""GET /projects/search"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from procrastinate.contrib.django.models import ProcrastinateJob

from manticscore.clients.embeddings import WeightsUnavailable, installed_directory
from projects import actions, embedding, indexing, search
from projects.models import IndexedIdea, Project
from projects.tasks import embed_idea
from tests import factories
from tests.helpers.embedding_server import EmbeddingServer, embeddings
from tests.helpers.people import Person

URL = "/projects/search"
IDEAS = ("A recipe box for families", "A dog walking app", "A password manager for teams")


def indexed(person: Person, *titles: str) -> list[Project]:
    """Projects whose tasks have run."""
    projects = [factories.project(person.principal, title=title) for title in titles]
    for project in projects:
        assert indexing.embed_one(project.pk) == 1
    return projects


def find(person: Person, query: str, **more: Any) -> list[dict[str, Any]]:
    response = person.client.get(URL, {"q": query, **more})
    assert response.status_code == 200, response.content
    found: list[dict[str, Any]] = response.json()
    return found


def test_nearest_first(ada: Person) -> None:
    projects = indexed(ada, *IDEAS)
    found = find(ada, "recipes that families cook")
    assert found[0]["id"] == str(projects[0].pk)
    assert set(found[0]) == {"id", "idea", "category", "similarity", "is_own"}
    assert (found[0]["idea"], found[0]["category"], found[0]["is_own"]) == (IDEAS[0], None, True)
    similarities = [item["similarity"] for item in found]
    assert similarities == sorted(similarities, reverse=True)
    assert all(round(similarity, 4) == similarity for similarity in similarities)


def test_same_words_are_as_near_as_can_be(ada: Person) -> None:
    indexed(ada, "recipe box")
    assert find(ada, "Recipe boxes")[0]["similarity"] == 1.0


def test_others_are_found_when_they_are_public(ada: Person, mallory: Person) -> None:
    (theirs,) = indexed(mallory, "A recipe box for families")
    assert find(ada, "recipe box") == []
    actions.publish(theirs, {})
    (found,) = find(ada, "recipe box")
    assert (found["id"], found["is_own"]) == (str(theirs.pk), False)
    assert find(mallory, "recipe box")[0]["is_own"] is True
    actions.unpublish(theirs)
    assert find(ada, "recipe box") == []


def test_public_research_is_found_until_it_is_removed(ada: Person, mallory: Person) -> None:
    job_id = uuid.uuid4()
    told = {"idea": "A recipe box", "text": "a recipe box", "category": "recipes", "is_public": True}
    search.put(job_id, owner_id=mallory.principal.pk, **told)
    indexing.embed_one(job_id)
    (found,) = find(ada, "recipe box")
    assert (found["id"], found["category"]) == (str(job_id), "recipes")
    search.remove(job_id)
    assert find(ada, "recipe box") == []


def test_project_is_found_once_its_task_has_run(ada: Person) -> None:
    project_id = ada.client.post("/projects", {"title": "A recipe box"}).json()["id"]
    assert find(ada, "recipe box") == []
    job = ProcrastinateJob.objects.get(task_name="projects.embed_idea")
    assert job.args == {"idea_id": project_id}
    embed_idea(**job.args)
    assert find(ada, "recipe box")[0]["id"] == project_id


def test_changed_text_is_embedded_again_and_the_same_is_not(ada: Person) -> None:
    (project,) = indexed(ada, "A recipe box")
    actions.update(project, {"title": "The recipe box"})
    actions.publish(project, {})
    assert ProcrastinateJob.objects.filter(task_name="projects.embed_idea").count() == 2
    assert indexing.embed_one(project.pk) == 1
    actions.unpublish(project)
    assert indexing.embed_one(project.pk) == 0


def test_what_is_known_later_is_kept(ada: Person) -> None:
    (project,) = indexed(ada, "A recipe box")
    actions.note_research(project.pk, 61.5, category="recipes")
    actions.publish(project, {})
    assert find(ada, "recipe box")[0]["category"] == "recipes"


def test_deleted_project_is_not_found(ada: Person) -> None:
    (project,) = indexed(ada, "A recipe box")
    actions.delete(project)
    assert find(ada, "recipe box") == []
    embed_idea(idea_id=str(project.pk))  # its task comes too late
    assert not IndexedIdea.objects.exists()


@pytest.mark.parametrize("limit", [1, 2, 50])
def test_limit(ada: Person, limit: int) -> None:
    indexed(ada, *IDEAS)
    assert len(find(ada, "app", limit=limit)) == min(limit, 3)


def test_ten_unless_told_otherwise(ada: Person) -> None:
    indexed(ada, *(f"box {number}" for number in range(12)))
    assert len(find(ada, "box")) == 10


@pytest.mark.parametrize(
    "query", [{}, {"q": ""}, {"q": "  "}, {"q": "x" * 501}, {"q": "x", "limit": 0}, {"q": "x", "limit": 51},
              {"q": "x", "limit": "many"}, {"q": "a\x00b"}]
)  # fmt: skip
def test_queries_that_are_not_accepted(ada: Person, query: dict[str, Any]) -> None:
    assert ada.client.get(URL, query).status_code in (400, 422)


@pytest.mark.parametrize(
    "query", ["?", "🦄", "家族のレシピ", "x" * 500, "' OR 1=1 --", "%s %(owner)s", "the of and"]
)
def test_odd_queries(ada: Person, query: str) -> None:
    indexed(ada, *IDEAS)
    assert len(find(ada, query)) == 3


def test_number_of_queries_does_not_grow(ada: Person) -> None:
    counts = []
    for titles in (IDEAS[:1], IDEAS[1:], [f"idea {number}" for number in range(10)]):
        indexed(ada, *titles)
        with CaptureQueriesContext(connection) as queries:
            find(ada, "recipe", limit=50)
        counts.append(len(queries))
    assert len(set(counts)) == 1


# With a service


def test_service_is_asked(ada: Person, service: EmbeddingServer) -> None:
    indexed(ada, *IDEAS)
    assert find(ada, "a dog walking app")[0]["idea"] == IDEAS[1]
    assert service.told[-1]["input"] == ["a dog walking app"]
    assert set(IndexedIdea.objects.values_list("vector_model", flat=True)) == {"service:words-1"}


def test_service_that_is_down_is_503(ada: Person, service: EmbeddingServer) -> None:
    indexed(ada, *IDEAS)
    service.script = lambda asked: (500, b"")
    response = ada.client.get(URL, {"q": "recipes"})
    assert (response.status_code, response["Retry-After"]) == (503, "5")
    assert response.json() == {"detail": "Embedding service unavailable"}
    service.script = embeddings
    assert len(find(ada, "recipes")) == 3


def test_creation_does_not_need_the_service(ada: Person, service: EmbeddingServer) -> None:
    service.script = lambda asked: (500, b"")
    assert ada.client.post("/projects", {"title": "A recipe box"}).status_code == 201
    assert ada.client.get("/projects").status_code == 200
    assert service.told == []


def test_vectors_of_two_models_are_never_compared(ada: Person, service: EmbeddingServer) -> None:
    """Same words, another model: not found before it is embedded anew."""
    with_service = indexed(ada, "A recipe box")
    settings_model = embedding.local("corpus")
    without = factories.project(ada.principal, title="A recipe chest")
    indexing.embed([IndexedIdea.objects.get(pk=without.pk)], settings_model)
    assert [item["id"] for item in find(ada, "recipe")] == [str(with_service[0].pk)]


def test_vectors_of_another_length_are_left_out(ada: Person, service: EmbeddingServer) -> None:
    indexed(ada, "A recipe box")
    service.script = lambda asked: (200, b'{"data": [{"index": 0, "embedding": [1, 0]}]}')
    assert find(ada, "recipe") == []


# With the installed model


@pytest.fixture
def minilm(settings: LazySettings) -> Iterator[None]:
    try:
        installed_directory()
    except WeightsUnavailable as error:
        pytest.skip(f"the embedding weights are not installed: {error}")
    settings.EMBEDDINGS = "minilm"
    yield
    embedding.local.cache_clear()


def test_meaning_without_a_common_word(ada: Person, minilm: None) -> None:
    projects = indexed(ada, *IDEAS)
    assert find(ada, "cooking dinner together with kids")[0]["id"] == str(projects[0].pk)
    assert find(ada, "somebody to take my puppy outside")[0]["id"] == str(projects[1].pk)
