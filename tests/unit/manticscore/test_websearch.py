"""Search sources against servers that speak each API, well and badly."""

from __future__ import annotations

import asyncio
import datetime
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import LazySettings

from manticscore.clients import websearch
from manticscore.clients.websearch import Found, Problem, SearchError, SearchSource, ask_all, http
from manticscore.clients.websearch.breaker import FAILURES, PAUSE, Breaker
from manticscore.clients.websearch.searxng import SearXNG
from tests.helpers import search_api, sites
from tests.helpers.sites import Site, answer

DAY = datetime.date(2026, 5, 4)
MEALIE = "https://mealie.example/"


@pytest.fixture
def api(settings: LazySettings) -> Iterator[Site]:
    with sites.site() as site:
        search_api.serve(site)
        for name in ("SEARXNG", "TAVILY", "BRAVE", "EXA", "WIKIPEDIA", "HACKERNEWS", "GITHUB_SEARCH"):
            place = name.lower().removesuffix("_search")
            setattr(settings, f"{name}_URL", f"http://127.0.0.1:{site.port}/{place}/")
        for name in ("TAVILY_API_KEY", "BRAVE_API_KEY", "EXA_API_KEY", "GITHUB_SEARCH_TOKEN"):
            setattr(settings, name, f"the {name}")
        settings.LIVE_SOURCES = True
        yield site


def source(name: str) -> SearchSource:
    return next(source for source in websearch.configured() if source.name == name)


def search(name: str, query: str = "meal planning", limit: int = 5) -> list[Found]:
    return asyncio.run(source(name).search(query, limit))


EXPECTED = {
    "searxng": [Found(MEALIE, "Mealie", "plans meals", DAY)],
    "tavily": [Found(MEALIE, "Mealie", "plans meals", DAY)],
    "brave": [Found(MEALIE, "Mealie", "plans meals", DAY)],
    "exa": [Found(MEALIE, "Mealie", "", DAY)],
    "hackernews": [
        Found(MEALIE, "Mealie", "", DAY),
        Found("https://news.ycombinator.com/item?id=42", "Ask HN: Meals?", "plans meals"),
    ],
    "github": [Found("https://github.com/mealie/mealie", "mealie/mealie", "plans meals", DAY)],
}


@pytest.mark.parametrize("name", EXPECTED)
def test_results_of_each_source(api: Site, name: str) -> None:
    assert search(name) == EXPECTED[name]
    assert len(search(name, limit=1)) == 1


def test_wikipedia_gives_articles_and_plain_text(api: Site) -> None:
    [found] = search("wikipedia")
    assert found.url.endswith("/wikipedia/wiki/Mealie_%28software%29")
    assert found.snippet == "Recipe manager plans meals & more"
    assert "User-Agent: manticscore/" in api.requests[-1]


def asked(site: Site) -> dict[str, Any]:
    """The parameters of the last GET."""
    return {name: values[0] for name, values in parse_qs(urlsplit(site.paths[-1]).query).items()}


def test_what_each_source_is_asked(api: Site) -> None:
    search("searxng")
    assert asked(api).items() >= {"q": "meal planning", "format": "json"}.items()
    search("brave")
    assert asked(api).items() >= {"q": "meal planning", "count": "5"}.items()
    assert "X-Subscription-Token: the BRAVE_API_KEY" in api.requests[-1]
    search("hackernews", "one two three four five six")
    assert asked(api) == {"query": "one two three four", "tags": "story", "hitsPerPage": "5"}
    search("github", "one two three four five")
    assert asked(api)["q"].startswith("one two three four in:")
    assert "Authorization: Bearer the GITHUB_SEARCH_TOKEN" in api.requests[-1]
    search("tavily")
    assert "Authorization: Bearer the TAVILY_API_KEY" in api.requests[-1]
    search("exa")
    assert "x-api-key: the EXA_API_KEY" in api.requests[-1]
    assert all("accept-encoding: identity" in head.lower() for head in api.requests)


def test_nothing_is_configured_by_default() -> None:
    assert websearch.configured() == []


def test_keys_do_not_show(api: Site) -> None:
    assert "API_KEY" not in repr(websearch.configured())
    assert "TOKEN" not in repr(websearch.configured())


ILL: dict[str, tuple[bytes | sites.Script, str, bool]] = {
    "400": (answer(status=400), "answered 400", True),
    "401": (answer(status=401), "answered 401", True),
    "403": (answer(status=403), "answered 403: is json among its search.formats?", True),
    "429": (answer(status=429), "answered 429", False),
    "500": (answer(status=500), "answered 500", False),
    "redirect": (answer(status=302, Location="http://127.0.0.1:9/"), "answered 302", True),
    "HTML": (answer("<html>"), "the answer is not JSON", False),
    "deep": (answer("[" * 100_000), "the answer is not JSON", False),
    "large": (answer(b" " * 3_000_000), "the answer is too large", False),
    "compressed": (
        answer(b"x", Content_Encoding="gzip"),
        "the answer is compressed, which was not asked for",
        False,
    ),
    "nothing": (b"", "not reachable (RemoteProtocolError)", False),
}


@pytest.mark.parametrize("name", ILL)
def test_ill_answers(api: Site, name: str, settings: LazySettings) -> None:
    body, message, permanent = ILL[name]
    api.answer = lambda path: body  # type: ignore[method-assign]
    with pytest.raises(SearchError) as caught:
        search("searxng")
    assert (str(caught.value), caught.value.permanent) == (message, permanent)


def test_a_silent_source_is_left_in_time(api: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "SECONDS", 0.2)
    api.answer = lambda path: lambda send: api.wait(30) and None  # type: ignore[method-assign]
    with pytest.raises(SearchError, match=r"^no answer within 0\.2 s$"):
        search("searxng")


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {},
        "x",
        {"results": None},
        {"results": "x"},
        {"results": [None, 7, "x", []]},
        {"results": {"url": 1}},
    ],
)
def test_answers_of_another_shape_hold_nothing(api: Site, data: Any) -> None:
    api.answer = lambda path: answer(json.dumps(data), type="application/json")  # type: ignore[method-assign]
    for name in ("searxng", "tavily", "brave", "exa", "wikipedia", "hackernews", "github"):
        assert search(name) == []


def test_fields_of_another_type_are_empty(api: Site) -> None:
    rows = [{"url": 7, "title": ["x"], "content": {"a": 1}, "publishedDate": "soon"}]
    api.answer = lambda path: answer(json.dumps({"results": rows}))  # type: ignore[method-assign]
    assert search("searxng") == [Found("", "", "", None)]


# --- Several at once ---------------------------------------------------------------------------


class Scripted:
    """A source that does what a test says, query by query."""

    def __init__(self, name: str, *steps: Any) -> None:
        self.name = name
        self.steps = list(steps)
        self.queries: list[str] = []

    async def search(self, query: str, limit: int) -> list[Found]:
        self.queries.append(query)
        step = self.steps.pop(0) if self.steps else []
        if isinstance(step, Exception):
            raise step
        if step == "silence":
            await asyncio.sleep(60)
        return [Found(url, url) for url in step]


def ask(*sources: Scripted, queries: tuple[str, ...] = ("a", "b"), **options: Any) -> websearch.Answers:
    options = {"limit": 5, "seconds": 5.0, "breaker": Breaker(), **options}
    return asyncio.run(ask_all(sources, queries, **options))


def test_every_source_is_asked_everything_and_order_is_by_name() -> None:
    answers = ask(Scripted("two", ["u3"], ["u4"]), Scripted("one", ["u1"], ["u2"]))
    assert [(name, [found.url for found in listed]) for name, listed in answers.lists] == [
        ("one", ["u1"]), ("one", ["u2"]), ("two", ["u3"]), ("two", ["u4"]),
    ]  # fmt: skip
    assert answers.problems == []


def test_a_failure_costs_one_source_its_rest_and_the_others_nothing() -> None:
    failing = Scripted("failing", ["u1"], SearchError("answered 500"), ["never"])
    broken, good = Scripted("broken", ZeroDivisionError()), Scripted("good", ["u2"])
    answers = ask(failing, broken, good, queries=("a", "b", "c"))
    assert answers.problems == [Problem("broken", "internal error"), Problem("failing", "answered 500")]
    assert failing.queries == ["a", "b"]
    assert {name for name, listed in answers.lists if listed} == {"failing", "good"}


def test_late_sources_keep_what_they_said_in_time() -> None:
    answers = ask(Scripted("late", ["u1"], "silence"), Scripted("quick", ["u2"]), seconds=0.2)
    assert answers.problems == [Problem("late", "no answer within 0.2 s")]
    assert [found.url for _, listed in answers.lists for found in listed] == ["u1", "u2"]


def test_more_results_than_wanted_are_cut() -> None:
    answers = ask(Scripted("one", [f"u{n}" for n in range(99)]), queries=("a",), limit=3)
    assert [len(listed) for _, listed in answers.lists] == [3]


def test_a_source_that_keeps_failing_is_left_alone_and_tried_again() -> None:
    now = [100.0]
    breaker = Breaker(lambda: now[0])
    failing = Scripted("failing", *[SearchError("down")] * (FAILURES + 1), ["u1"])
    for _ in range(FAILURES):
        assert ask(failing, queries=("a",), breaker=breaker).problems == [Problem("failing", "down")]
    alone = [Problem("failing", "left alone for a while after repeated failures")]
    assert ask(failing, queries=("a",), breaker=breaker).problems == alone
    now[0] += PAUSE
    assert ask(failing, queries=("a",), breaker=breaker).problems == [Problem("failing", "down")]
    assert ask(failing, queries=("a",), breaker=breaker).problems == alone
    now[0] += PAUSE
    assert breaker.allows("failing")
    assert not breaker.allows("failing"), "one question decides, the others wait for its answer"
    now[0] += PAUSE
    assert ask(failing, queries=("a",), breaker=breaker).problems == []
    assert breaker.allows("failing")
    assert len(failing.queries) == FAILURES + 2


def test_base_urls_may_end_with_a_slash(api: Site) -> None:
    assert source("searxng") == SearXNG(f"http://127.0.0.1:{api.port}/searxng")
