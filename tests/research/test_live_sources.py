"""Live sources: asked, read, kept and found, over real HTTP on this machine."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import pytest
from django.conf import LazySettings
from django.utils import timezone

from manticscore import locks
from manticscore.clients import websearch
from manticscore.clients.fetch import fetcher as fetching
from manticscore.clients.websearch import Found
from realtime import runs
from realtime.models import Event
from research.corpus import importing, indexing
from research.corpus.postgres import PostgresCorpus
from research.models import CorpusState, Evidence, ResearchJob, Source, Term
from research.pipeline import market
from research.web import livesources
from tests import factories
from tests.helpers import sites
from tests.helpers.sites import Site, answer
from tests.helpers.threads import at_once

pytestmark = pytest.mark.django_db
IDEA = "a recipe manager for families that plans meals and writes the shopping list"
STORY = """
{name} is a recipe manager for families that plans meals for the whole week. {name} imports recipes from
any website and keeps them in one place. It writes the shopping list from the meals that were planned.
Families share their recipes and vote for what they want to eat. It costs 3 dollars a month and runs on
phones and in the browser. The recipe manager scales the ingredients for guests.
"""
TOLD = ("live_pages", "known_pages", "notes")


def page(name: str, story: str = STORY) -> bytes:
    text = "".join(f"<p>{line}.</p>" for line in " ".join(story.format(name=name).split()).split(". "))
    return answer(
        f"<html lang=en><title>{name} - Recipes</title><body><main><h1>{name}</h1>{text}</main></body>"
    )


@pytest.fixture
def web() -> Iterator[Site]:
    """The search server and all pages: one site, known by many names."""
    with sites.site() as served:
        yield served


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing is remembered of other tests' sites; a visit follows the other at once."""
    websearch.HEALTH.forget()
    fetching.KNOWN_ROBOTS.clear()
    monkeypatch.setattr(fetching.TURNS, "_gap", 0.0)
    yield
    websearch.HEALTH.forget()


@pytest.fixture
def search(web: Site, settings: LazySettings) -> Callable[..., None]:
    """Configures SearXNG, which finds these pages of this machine."""
    settings.SEARXNG_URL = f"http://127.0.0.1:{web.port}/searxng/"
    settings.FETCH_ALLOW_PRIVATE = [f"127.0.0.1:{web.port}"]
    settings.LIVE_SECONDS = 20

    def found(*urls: str) -> None:
        rows = [{"url": at(web, url), "title": url} for url in urls]
        body = answer(json.dumps({"results": rows}), type="application/json")
        found_paths.append(body)

    found_paths: list[bytes] = []
    original = web.answer

    def any_query(path: str) -> Any:
        return found_paths[-1] if path.startswith("/searxng/search?") and found_paths else original(path)

    web.answer = any_query  # type: ignore[method-assign]
    return found


def at(web: Site, path: str) -> str:
    return path if "://" in path else f"http://127.0.0.1:{web.port}{path}"


def execute(idea: str = IDEA) -> ResearchJob:
    job = factories.research_job(idea=idea, as_of=timezone.now().date())
    assert runs.execute(job.pk, market.pipeline(), partial(market.context, job)) is True
    job.refresh_from_db()
    job.stream.refresh_from_db()
    assert job.stream.status == "completed", list(
        Event.objects.filter(stream=job.stream, type="error").values("data")
    )
    return job


def searched(job: ResearchJob) -> dict[str, Any]:
    """What the search stage told about live sources when it was over."""
    events = (
        Event.objects.filter(stream=job.stream, type="stage").order_by("seq").values_list("data", flat=True)
    )
    done = next(data for data in events if data["name"] == "search" and data["status"] == "completed")
    return {name: done[name] for name in TOLD if name in done}


def test_nothing_is_asked_when_nothing_is_configured(corpus: object, web: Site) -> None:
    first, second = execute(), execute()
    assert searched(first) == {}
    assert first.artifact_hash == second.artifact_hash
    assert web.requests == []


def test_a_run_that_is_to_stay_with_the_corpus_asks_nobody(
    corpus: object, web: Site, search: Callable[..., None]
) -> None:
    search("/a")
    job = factories.research_job(idea=IDEA)
    runs.execute(job.pk, market.pipeline(), partial(market.context, job, live=False))
    assert searched(job) == {}
    assert web.requests == []


def test_pages_are_read_kept_and_quoted(corpus: object, web: Site, search: Callable[..., None]) -> None:
    web.pages["/a"] = page("Platewise")
    search("/a")
    job = execute()
    assert searched(job) == {"live_pages": 1, "known_pages": 0, "notes": []}
    kept = Source.objects.get(origin="live")
    assert (kept.url, kept.kind, kept.retrieved) == (at(web, "/a"), "product page", True)
    assert kept.published_on == timezone.now().date()
    assert timezone.now() - kept.fetched_at < datetime.timedelta(minutes=5)
    assert (
        kept.text.startswith("Platewise is a recipe manager") or "Platewise is a recipe manager" in kept.text
    )
    quoted = Evidence.objects.filter(job=job, source=kept)
    assert quoted, "what was read is evidence of the run that read it"
    assert all(kept.text[row.start : row.end] == row.quote for row in quoted)


def test_what_was_read_is_not_read_again_and_serves_runs_without_a_network(
    corpus: object, web: Site, search: Callable[..., None], settings: LazySettings
) -> None:
    web.pages["/a"] = page("Platewise")
    search("/a?utm_source=x")
    first = execute()
    assert searched(execute()) == {"live_pages": 0, "known_pages": 1, "notes": []}
    assert web.visited.count("/a") == 1
    settings.SEARXNG_URL = ""
    third = execute()
    assert searched(third) == {}
    assert Evidence.objects.filter(job=third, source__origin="live").exists()
    assert first.artifact is not None


def test_one_source_failing_is_a_note(
    corpus: object, web: Site, search: Callable[..., None], settings: LazySettings
) -> None:
    web.pages["/a"] = page("Platewise")
    search("/a")
    settings.TAVILY_API_KEY, settings.TAVILY_URL = "a secret key", f"http://127.0.0.1:{web.port}/tavily"
    settings.BRAVE_API_KEY, settings.BRAVE_URL = "another", "http://127.0.0.1:9"
    web.pages["/tavily/search"] = answer("no", status=500)
    told = searched(execute())
    assert told["live_pages"] == 1
    assert told["notes"] == [
        {"source": "brave", "problem": "not reachable (ConnectError)"},
        {"source": "tavily", "problem": "answered 500"},
    ]


def test_a_run_goes_on_without_any_live_source(corpus: object, settings: LazySettings) -> None:
    settings.SEARXNG_URL = "http://127.0.0.1:9"
    told = searched(execute())
    assert told == {
        "live_pages": 0,
        "known_pages": 0,
        "notes": [{"source": "searxng", "problem": "not reachable (ConnectError)"}],
    }


def problems(search: Callable[..., None], *urls: str) -> list[str]:
    """What is noted when a run finds just these pages."""
    search(*urls)
    return [note["problem"] for note in livesources.gather(IDEA, [IDEA], lambda message: None).notes]


def test_pages_that_cannot_be_used_are_told(corpus: object, web: Site, search: Callable[..., None]) -> None:
    web.pages |= {
        "/good": page("Platewise"),
        "/copy": page("Platewise"),
        "/wall": answer("<p>Just a moment</p>" + "<p>Checking your browser before you go on.</p>" * 20),
        "/short": answer("<html><body><main><p>This says too little about us.</p></main></body></html>"),
        "/german": answer(
            "<p>Dies ist eine Seite mit vielen deutschen Wörtern über Rezepte und Einkauf.</p>" * 20
        ),
        "/bomb": lambda send: send(answer(sites.bomb(50), Content_Encoding="gzip")),
        sites.ROBOTS: answer("User-agent: *\nDisallow: /hidden", type="text/plain"),
        "/hidden": page("Hidden"),
    }
    assert problems(search, "/good", "/hidden") == [
        "1 of 2: the site does not want programs to read this page"
    ]
    assert "/hidden" not in web.visited
    assert problems(search, "/gone", "/wall") == [
        "1 of 2: the site answered 404",
        "1 of 2: the site shows something else to programs",
    ]
    assert problems(search, "/short", "/german") == ["1 of 2: not in English", "1 of 2: too little text"]
    assert problems(search, "/bomb", "http://10.0.0.1/") == [
        "1 of 2: the host is not on the public internet",
        "1 of 2: the page is too large",
    ]
    assert set(Source.objects.filter(origin="live").values_list("url", flat=True)) == {at(web, "/good")}


def test_addresses_that_cannot_be_stored_are_passed_over(
    corpus: object, web: Site, search: Callable[..., None]
) -> None:
    web.pages["/a"] = page("Platewise")
    search("https://odd.example/?q=\ud800", "https://odd.example/\udfff", "https://odd.example/\x00", "/a")
    assert searched(execute()) == {"live_pages": 1, "known_pages": 0, "notes": []}


@pytest.mark.parametrize(
    ("part", "told"),
    [
        ("weburls.canonical", {"live_pages": 0, "known_pages": 0, "notes": [("searxng", "internal error")]}),
        (
            "webpages.judged",
            {"live_pages": 0, "known_pages": 0, "notes": [("pages", "1 of 1: internal error")]},
        ),
        ("importing.store", {"live_pages": 0, "known_pages": 0, "notes": [("pages", "internal error")]}),
    ],
)
def test_a_defect_in_one_source_is_a_note(
    corpus: object, web: Site, search: Callable[..., None], monkeypatch: pytest.MonkeyPatch,
    part: str, told: dict[str, Any],
) -> None:  # fmt: skip
    def broken(*arguments: object) -> None:
        raise ValueError("a defect")

    web.pages["/a"] = page("Platewise")
    search("/a")
    monkeypatch.setattr(f"research.web.livesources.{part}", broken)
    found = searched(execute())
    assert {(note["source"], note["problem"]) for note in found["notes"]} == set(told["notes"])
    assert (found["live_pages"], found["known_pages"]) == (told["live_pages"], told["known_pages"])


def test_an_empty_corpus_learns_from_pages(db: None, web: Site, search: Callable[..., None]) -> None:
    web.pages["/a"] = page("Platewise")
    search("/a")
    gathered = livesources.gather(IDEA, [IDEA], lambda message: None)
    assert (gathered.pages, gathered.notes) == (1, [])
    assert PostgresCorpus().size == 1


# --- Which pages -------------------------------------------------------------------------------


def found(*urls: str) -> list[str | None]:
    return livesources.addresses([Found(url, url) for url in urls])


def test_pages_that_several_sources_know_come_first_each_once() -> None:
    lists = [
        found("https://one.example/", "https://two.example/x?utm_source=a", "not a url"),
        found("http://www.two.example/x/#top", "https://three.example/file.pdf", "ftp://four.example/"),
    ]
    assert livesources.choose(lists, 10) == ["https://two.example/x", "https://one.example/"]


def test_few_pages_of_one_site_and_none_that_need_a_browser() -> None:
    lists = [found(*(f"https://big.example/{n}" for n in range(9)), "https://www.youtube.com/watch?v=1")]
    assert livesources.choose(lists, 10) == ["https://big.example/0", "https://big.example/1"]
    assert livesources.choose(lists, 1) == ["https://big.example/0"]


def test_the_core_of_the_idea_goes_out_and_not_all_of_it() -> None:
    asked = livesources.questions(
        IDEA + " and a secret " * 99, [IDEA, "meal planning", "families", "shopping"]
    )
    assert asked == ["a recipe manager", IDEA, "meal planning"]
    assert all(len(question) <= 200 for question in asked)
    assert not any("secret" in question for question in asked)


# --- Joining the corpus ------------------------------------------------------------------------


def record(key: str, text: str) -> importing.Record:
    return importing.Record(
        key=key, name=key.title(), url=f"https://{key}.example/", text=text, retrieved=True
    )


def statistics() -> tuple[dict[str, int], int, float]:
    state = CorpusState.objects.get()
    return dict(Term.objects.values_list("stem", "sources")), state.sources, round(state.mean_length, 6)


def test_statistics_after_adding_equal_those_counted_anew(corpus: object) -> None:
    space = CorpusState.objects.get().space
    assert space is not None
    for text in ("Zebra keeps recipes. It plans meals.", "Zebra keeps quaggas. It plans nothing."):
        importing.store("live", [record("zebra", text), record("okapi", "Okapi shops.")])
        assert indexing.add(Source.objects.filter(origin="live")) is True
        adjusted = statistics()
        indexing.refresh_statistics(space)
        assert adjusted == statistics()
    assert "recip" in adjusted[0]
    assert not Source.objects.exclude(vector_model=space.id).exists()
    assert indexing.add(Source.objects.filter(origin="live")) is True
    assert statistics() == adjusted, "a second call has nothing to do"


def test_a_new_source_is_found_at_once(corpus: object) -> None:
    before = PostgresCorpus()
    importing.store("live", [record("zebra", "Zebra keeps quagga recipes. It plans quagga meals.")])
    indexing.add(Source.objects.filter(origin="live"))
    after = PostgresCorpus()
    assert (after.space, after.size, after.revision) == (before.space, before.size + 1, before.revision + 1)
    assert after.document_frequency(["quagga"]) == {"quagga": 1}


@pytest.mark.django_db(transaction=True)
def test_adding_does_not_wait_for_an_import(corpus: Sequence[object]) -> None:
    importing.store("live", [record("zebra", "Zebra keeps recipes.")])
    with locks.exclusive(locks.INDEX):
        assert at_once(1, lambda _: indexing.add(Source.objects.filter(origin="live"))) == [False]
    assert indexing.add(Source.objects.filter(origin="live")) is True
