"""GET /public/p/{slug}"""

from __future__ import annotations

import time
from html.parser import HTMLParser
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.cache import cache
from django.test import Client

from projects import actions, public
from projects.models import Project
from tests import factories
from tests.helpers.people import Person

JSON = {"Accept": "application/json"}
EVIL = '"><script>alert(1)</script>'


class Tags(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.meta: dict[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        told = dict(attrs)
        if tag == "meta":
            self.meta[told.get("property") or told.get("name") or ""] = told.get("content") or ""


def published(person: Person, **options: bool) -> Project:
    project = factories.project(
        person.principal, title="A recipe box", description="Families plan dinners. Kids vote."
    )
    return actions.publish(project, options)


def get(project: Project, **headers: str) -> Any:
    return Client(headers=headers).get(f"/public/p/{project.slug}")


def test_json(ada: Person) -> None:
    project = published(ada)
    response = get(project, **JSON)
    assert (response.status_code, response["Content-Type"]) == (200, "application/json")
    assert project.published_at is not None
    assert response.json() == {
        "project": {
            "short_title": "A recipe box",
            "description": "Families plan dinners.",
            "status": "draft",
            "published_at": project.published_at.isoformat(),
        },
        "slug": project.slug,
        "idea": {
            "raw": "Families plan dinners. Kids vote.",
            "one_liner": "Families plan dinners.",
            "problem_statement": None,
            "target_user": None,
            "product_type": None,
        },
    }


def test_nothing_tells_who_the_owner_is(ada: Person) -> None:
    project = published(ada)
    for headers in ({}, JSON):
        response = get(project, **headers)
        shown = response.content.decode() + repr(response.items())
        assert ada.principal.pk not in shown
        assert str(project.pk) not in shown


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, "text/html"),
        ("*/*", "text/html"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "text/html"),
        ("image/png", "text/html"),
        ("application/json", "application/json"),
        ("application/json, text/plain, */*", "application/json"),
        ("text/html;q=0.5, application/json", "application/json"),
    ],
)
def test_form_by_accept(ada: Person, accept: str | None, expected: str) -> None:
    response = get(published(ada), **({"Accept": accept} if accept else {}))
    assert response["Content-Type"].partition(";")[0] == expected
    assert response["Vary"] == "Accept"


def test_page_for_browsers_and_previews(ada: Person) -> None:
    project = published(ada)
    response = get(project)
    tags = Tags(response.content.decode())
    assert tags.meta["og:title"] == "A recipe box"
    assert tags.meta["og:description"] == "Families plan dinners."
    assert tags.meta["og:url"] == f"http://testserver/public/p/{project.slug}"
    assert tags.meta["og:type"] == "article"
    assert "script" not in tags.names
    assert response["Content-Security-Policy"].startswith("default-src 'none'")
    assert b"Kids vote." in response.content


def test_page_escapes_everything(ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        public.sections,
        "research",
        lambda project: {
            "top_competitors": [{"name": EVIL, "stage": EVIL}],
            "features": [{"name": EVIL}],
            "gaps": [{"label": EVIL}],
        },
    )
    project = factories.project(ada.principal, title=EVIL, description=f"{EVIL} {EVIL}")
    response = get(actions.publish(project, {}))
    tags = Tags(response.content.decode())
    assert "script" not in tags.names
    assert tags.meta["og:title"] == EVIL
    assert get(project, **JSON).json()["research"]["features"] == [{"name": EVIL}]


def test_owner_chooses_what_is_shown(ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("research", "build_plan", "forge"):
        monkeypatch.setitem(public.sections, name, lambda project, name=name: {"from": name})
    project = published(ada)
    assert set(get(project, **JSON).json()) == {"project", "slug", "idea", "research"}
    actions.publish(project, {"idea": False, "research": False, "forge": True})
    assert set(get(project, **JSON).json()) == {"project", "slug", "forge"}
    assert b"plan dinners" not in get(project).content


def test_sections_complete_the_idea_and_may_have_nothing(
    ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(public.sections, "idea", lambda project: {"target_user": "families"})
    monkeypatch.setitem(public.sections, "research", lambda project: None)
    body = get(published(ada), **JSON).json()
    assert (body["idea"]["target_user"], body["idea"]["one_liner"]) == ("families", "Families plan dinners.")
    assert "research" not in body


@pytest.mark.parametrize("headers", [{}, JSON])
def test_unpublished_is_as_absent_as_unknown(ada: Person, headers: dict[str, str]) -> None:
    project = factories.project(ada.principal)
    answers = [Client(headers=headers).get(f"/public/p/{slug}") for slug in (project.slug, "box-aaaaaa")]
    assert [(a.status_code, a.content) for a in answers] == [(404, b'{"detail":"Not found"}')] * 2


def test_known_page_is_not_sent_again(ada: Person) -> None:
    project = published(ada)
    page, data = get(project), get(project, **JSON)
    assert page["ETag"] != data["ETag"]
    again = get(project, **{"If-None-Match": page["ETag"]})
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", page["ETag"])
    assert "no-cache" in again["Cache-Control"]
    assert get(project, **JSON, **{"If-None-Match": page["ETag"]}).status_code == 200
    actions.update(project, {"description": "Something else."})
    assert get(project, **{"If-None-Match": page["ETag"]}).status_code == 200
    actions.unpublish(project)
    assert get(project, **{"If-None-Match": page["ETag"]}).status_code == 404


def test_token_changes_nothing(ada: Person) -> None:
    project = published(ada)
    for token in (ada.token, "nonsense"):
        assert get(project, Authorization=f"Bearer {token}").status_code == 200


def test_other_methods(ada: Person) -> None:
    response = Client().post(f"/public/p/{published(ada).slug}", {}, content_type="application/json")
    assert response.status_code == 405


def test_one_reader_is_limited_per_page(
    ada: Person, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.RATELIMIT_ENABLE = True
    monkeypatch.setattr(time, "time", lambda: 1_800_000_000.0)  # no window ends in the middle of the test
    cache.clear()
    project, other = published(ada), factories.project(ada.principal, title="A chest")
    actions.publish(other, {})
    answers = [get(project).status_code for _ in range(61)]
    assert answers == [200] * 60 + [429]
    assert get(other).status_code == 200
