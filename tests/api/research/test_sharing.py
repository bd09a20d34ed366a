"""Research for others: POST and DELETE /research/{job_id}/share, GET /clip/{slug}, and its visibility"""

from __future__ import annotations

import time
import uuid
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.cache import cache
from django.test import Client

from manticscore import errors
from projects.models import Clip, IndexedIdea
from realtime.models import Stream
from research.actions import cards, sharing
from research.models import ResearchJob
from tests import factories
from tests.helpers.landscapes import feature, finished, gap, landscape, paragraph, player
from tests.helpers.people import Person

pytestmark = pytest.mark.django_db
EVIL = "<script>alert(1)</script>"
JSON = {"Accept": "application/json"}


def rich(owner: Person, **values: Any) -> ResearchJob:
    artifact = landscape(
        incumbents=[player("Mealie", relevance=0.9)],
        emerging=[player("Paprika", relevance=0.2, url="javascript:alert(1)")],
        features=[feature("Import from the web")],
        gaps=[gap("Offline use")],
        summary=[paragraph("The market", f"It is small. {EVIL}")],
    )
    return finished(owner.principal, artifact, **values)


def share(person: Person, job_id: Any) -> Any:
    return person.client.post(f"/research/{job_id}/share")


def test_share_and_look(ada: Person, client: Client) -> None:
    job = rich(ada, idea="a recipe box for families")
    told = share(ada, job.pk)
    assert told.status_code == 200
    slug = told.json()["slug"]
    assert slug.startswith("research-")
    assert len(slug) == len("research-") + 20
    assert told.json()["path"] == f"/clip/{slug}"
    answer = client.get(f"/clip/{slug}", headers=JSON)
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")
    body = answer.json()
    assert set(body) == {
        "id", "title", "slug", "description", "og_image_url", "blocks", "published", "sort_order", "research",
    }  # fmt: skip
    assert (body["slug"], body["title"], body["published"]) == (slug, "a recipe box for families", True)
    hero, stats, text, competitors, features, gaps = body["blocks"]
    assert (hero["blockType"], hero["heading"]) == ("hero", "a recipe box for families")
    assert stats["items"][:2] == [
        {"value": "72", "label": "Quality of 100"},
        {"value": "2", "label": "Competitors"},
    ]
    assert (text["blockType"], text["heading"]) == ("text", "The market")
    assert [item["title"] for item in competitors["items"]] == ["Mealie", "Paprika"]
    assert [item["url"] for item in competitors["items"]] == ["https://mealie.example", None]
    assert competitors["items"][0]["quote"] == "Mealie plans meals"
    assert features["items"][0]["title"] == "Import from the web"
    assert gaps["items"][0]["title"] == "Offline use"
    assert body["research"]["top_competitors"][0]["name"] == "Mealie"


def test_page_names_neither_the_owner_nor_the_job(ada: Person, client: Client) -> None:
    job = rich(ada)
    path = share(ada, job.pk).json()["path"]
    for headers in (JSON, {}):
        shown = client.get(path, headers=headers).content.decode()
        assert str(job.pk) not in shown
        assert ada.principal.pk not in shown


def test_html_for_everybody_who_does_not_ask_for_json(ada: Person, client: Client) -> None:
    path = share(ada, rich(ada).pk).json()["path"]
    for accept in ("", "*/*", "text/html,application/xhtml+xml,*/*;q=0.8"):
        answer = client.get(path, headers={"Accept": accept})
        page = answer.content.decode()
        assert answer["Content-Type"].startswith("text/html")
        assert '<meta property="og:title" content="a recipe box for families">' in page
        assert "Mealie plans meals" in page
        assert EVIL not in page
        assert "&lt;script&gt;" in page
        assert "javascript:" not in page
        assert "default-src 'none'" in answer["Content-Security-Policy"]
        assert answer["X-Robots-Tag"] == "noindex"


def test_known_page_is_not_sent_again(ada: Person, client: Client) -> None:
    path = share(ada, rich(ada).pk).json()["path"]
    first = client.get(path)
    assert client.get(path, headers={"If-None-Match": first["ETag"]}).status_code == 304


def test_shared_again_the_link_stays_and_shows_what_is_new(ada: Person, client: Client) -> None:
    job = rich(ada)
    first = share(ada, job.pk).json()
    assert client.get(first["path"], headers=JSON).json()["research"]["features"] != []
    ResearchJob.objects.filter(pk=job.pk).update(artifact=landscape())
    assert client.get(first["path"], headers=JSON).json()["research"]["features"] != [], "a snapshot"
    assert share(ada, job.pk).json()["slug"] == first["slug"]
    assert client.get(first["path"], headers=JSON).json()["research"]["features"] == []
    assert Clip.objects.count() == 1


def test_unshare(ada: Person, client: Client) -> None:
    job = rich(ada)
    path = share(ada, job.pk).json()["path"]
    assert ada.client.delete(f"/research/{job.pk}/share").status_code == 204
    assert (client.get(path).status_code, client.get(path).json()) == (404, {"detail": "Not found"})
    assert ada.client.delete(f"/research/{job.pk}/share").status_code == 404
    assert share(ada, job.pk).json()["path"] != path, "an old link stays dead"


def test_clip_goes_with_its_project(ada: Person, client: Client) -> None:
    project = factories.project(ada.principal)
    path = share(ada, rich(ada, project_id=project.pk).pk).json()["path"]
    assert ada.client.delete(f"/projects/{project.pk}").status_code == 204
    assert client.get(path).status_code == 404


def test_only_what_is_completed_is_shared(ada: Person) -> None:
    answer = share(ada, factories.research_job(ada.principal).pk)
    assert (answer.status_code, answer.json()) == (409, {"detail": "This research is not completed"})


def test_somebody_elses(ada: Person, mallory: Person) -> None:
    job = rich(ada)
    share(ada, job.pk)
    for method in ("post", "delete"):
        call = getattr(mallory.client, method)
        foreign, missing = call(f"/research/{job.pk}/share"), call(f"/research/{uuid.uuid4()}/share")
        assert (foreign.status_code, foreign.content) == (404, missing.content)
    assert Clip.objects.count() == 1


def test_thirty_looks_a_minute(
    ada: Person, client: Client, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = share(ada, rich(ada).pk).json()["path"]
    settings.RATELIMIT_ENABLE = True
    cache.clear()
    monkeypatch.setattr(time, "time", lambda: 1_700_000_000.0)
    assert [client.get(path).status_code for _ in range(31)] == [200] * 30 + [429]
    assert client.get("/clip/research-unknown").status_code == 429, "guessing counts too"
    assert client.get(path, REMOTE_ADDR="192.0.2.7").status_code == 200


# Visibility


def show(person: Person, job_id: Any, visibility: Any) -> Any:
    return person.client.patch(f"/research/{job_id}", {"visibility": visibility})


def test_public_research_is_found_by_all_and_private_is_not(ada: Person) -> None:
    job = rich(ada, idea="a recipe box for families")
    answer = show(ada, job.pk, "public")
    assert (answer.status_code, answer.json()["visibility"]) == (200, "public")
    found = IndexedIdea.objects.get(pk=job.pk)
    assert (found.is_public, found.idea, found.category) == (True, job.idea, "recipes")
    assert ada.client.get(f"/research/{job.pk}").json()["visibility"] == "public"
    assert show(ada, job.pk, "private").json()["visibility"] == "private"
    assert not IndexedIdea.objects.filter(pk=job.pk).exists()


@pytest.mark.parametrize("visibility", ["", "PUBLIC", None, 1, [], "everybody"])
def test_other_visibilities(ada: Person, visibility: Any) -> None:
    assert show(ada, rich(ada).pk, visibility).status_code == 422


def test_only_what_is_completed_is_shown(ada: Person) -> None:
    job = factories.research_job(ada.principal)
    assert show(ada, job.pk, "public").status_code == 409
    assert show(ada, job.pk, "private").status_code == 200


def test_visibility_of_somebody_elses(ada: Person, mallory: Person) -> None:
    job = rich(ada)
    foreign, missing = show(mallory, job.pk, "public"), show(mallory, uuid.uuid4(), "public")
    assert (foreign.status_code, foreign.content) == (404, missing.content)
    assert not ResearchJob.objects.get(pk=job.pk).is_public
    assert Stream.objects.get(pk=job.pk).status == "completed"


def test_public_idea_goes_with_its_project(ada: Person) -> None:
    project = factories.project(ada.principal)
    job = rich(ada, project_id=project.pk)
    show(ada, job.pk, "public")
    IndexedIdea.objects.filter(pk=job.pk).update(project=None)  # as of a row that nobody adopted
    assert ada.client.delete(f"/projects/{project.pk}").status_code == 204
    assert not IndexedIdea.objects.exists()


def test_public_idea_is_adopted_with_its_research(ada: Person) -> None:
    job = rich(ada)
    show(ada, job.pk, "public")
    project = factories.project(ada.principal)
    cards.adopt(job, project)
    assert IndexedIdea.objects.get(pk=job.pk).project_id == project.pk
    show(ada, job.pk, "public")
    assert ada.client.delete(f"/projects/{project.pk}").status_code == 204
    assert not IndexedIdea.objects.exists()


@pytest.mark.parametrize("with_project", [True, False])
def test_visibility_of_what_was_deleted_meanwhile(ada: Person, with_project: bool) -> None:
    project = factories.project(ada.principal)
    job = rich(ada, project_id=project.pk if with_project else None)
    Stream.objects.filter(pk=job.pk).update(project_id=project.pk)
    ada.client.delete(f"/projects/{project.pk}")
    with pytest.raises(errors.NotFound):
        sharing.set_visibility(job, is_public=True)
    assert not IndexedIdea.objects.exists()
