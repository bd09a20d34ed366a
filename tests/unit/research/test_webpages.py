"""What a page makes for a source, and which pages make none."""

from __future__ import annotations

import datetime
from dataclasses import replace
from typing import Any

import pytest

from manticscore.clients.extraction import Extracted
from manticscore.clients.fetch import Page
from research.analyst import text as texts
from research.corpus.importing import Record
from research.web import webpages

STORY = (
    "Mealie is a recipe manager for families that plans the meals of the week. It imports recipes from any"
    " website and keeps them in one place. It writes the shopping list from the meals that were planned."
    " Families share what they cook and vote for what they would like to eat."
)
FOUND = Extracted(STORY, STORY, "Mealie - Recipes for everybody", "", "2024-05-04", "en")
URL = "https://www.mealie.example/?utm_source=x"


def record(url: str = URL, **changes: Any) -> Record:
    now = datetime.datetime(2026, 5, 20, 12, tzinfo=datetime.UTC)
    return webpages.record(Page(url, "text/html", "", b"", now), replace(FOUND, **changes), url)


def test_a_product_page_says_what_it_says_today() -> None:
    made = record()
    assert (made.name, made.kind, made.text, made.retrieved) == ("Mealie", "product page", STORY, True)
    assert (made.key, made.published_on) == ("mealie.example?utm_source=x", datetime.date(2026, 5, 20))


def test_news_are_as_old_as_they_say() -> None:
    url = "https://techcrunch.com/2024/05/mealie"
    made = record(url, title="Mealie raises 2 million")
    assert (made.name, made.published_on) == ("Mealie raises 2 million", datetime.date(2024, 5, 4))
    assert record(url, published_on="").published_on is None


@pytest.mark.parametrize(
    ("url", "title", "site", "name"),
    [
        ("https://mealie.io/", "Mealie", "", "Mealie"),
        ("https://www.paprikaapp.com/", "Plan your meals | Paprika", "", "Paprika"),
        ("https://usememos.com/", "Memos - notes for all", "", "Memos"),
        ("https://acme.example/x", "Welcome to our site", "Acme Tools", "Acme Tools"),
        ("https://acme.example/x", "Welcome to our site", "acme.example", "Acme"),
        (
            "https://github.com/mealie-recipes/mealie",
            "GitHub - mealie-recipes/mealie: A recipe",
            "GitHub",
            "mealie",
        ),
        ("https://en.wikipedia.org/wiki/Mealie", "Mealie (software) - Wikipedia", "", "Mealie"),
    ],
)
def test_names(url: str, title: str, site: str, name: str) -> None:
    assert record(url, title=title, site=site).name == name


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "too little text"),
        ("Home. About. Contact.", "too little text"),
        (f"Just a moment. {STORY}", "the site shows something else to programs"),
        (f"Please enable JavaScript to run this app. {STORY}", "the site shows something else to programs"),
        ("Dies ist eine Seite mit vielen Wörtern über Rezepte. " * 9, "not in English"),
        ("12 | 34 | 56 | 78 | 90 | 12 | 34 | 56 | 78. " * 9, "not prose"),
    ],
)
def test_pages_not_worth_keeping(text: str, problem: str) -> None:
    with pytest.raises(webpages.Junk, match=f"^{problem}$"):
        record(text=text)


def test_articles_about_words_are_no_products() -> None:
    with pytest.raises(webpages.Junk, match="not about a product"):
        record(
            "https://en.wikipedia.org/wiki/Recipe",
            text=f"A recipe is a set of instructions. {'It is old. ' * 20}",
        )


def test_long_pages_end_with_a_whole_sentence() -> None:
    made = record(text=STORY * 50)
    assert len(made.text) <= webpages.MAX_TEXT
    assert made.text.endswith((".", "eat."))
    assert texts.sentences(made.text)[-1].end == len(made.text)
