"""Labels as noun phrases, what a product is about, and which statements say what something does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildgraphs import wording


@pytest.mark.parametrize(
    ("label", "phrase"),
    [
        ("imports recipes", "recipe import"),
        ("plans meals", "meal planning"),
        ("plans meals at nine", "meal planning at nine"),
        ("writes invoices", "invoice writing"),
        ("Tracks time", "Time tracking"),
        ("archives pages", "page archiving"),
        ("track expenses", "expense tracking"),
        ("book appointments", "appointment booking"),
        ("Import recipes from websites", "Recipe import from websites"),
        ("makes a shopping list", "shopping list"),
        ("supports dark mode", "dark mode"),
        ("identifies plants", "identifies plants"),
        ("syncs", "sync"),
        ("catalogs books", "book cataloguing"),
    ],
)
def test_verbs_with_an_object_become_nouns(label: str, phrase: str) -> None:
    assert wording.noun_phrase(label) == phrase


@pytest.mark.parametrize(
    "label",
    [
        "book data", "custom events", "Import rules", "Export", "shares", "Plans overview",
        "finds them by search", "imports and exports recipes", "sharing by link", "", " ",
        "Report builder", "time tracking",
    ],
)  # fmt: skip
def test_other_labels_stay(label: str) -> None:
    assert wording.noun_phrase(label) == label


@given(st.text(max_size=60))
def test_any_label_has_words_left(label: str) -> None:
    assert bool(wording.noun_phrase(label).split()) == bool(label.split())
    assert bool(wording.contents(label).split()) == bool(label.split())


@pytest.mark.parametrize(
    ("label", "about"),
    [
        ("recipe box", "recipes"),
        ("password manager", "passwords"),
        ("booking system", "bookings"),
        ("photo library", "photos"),
        ("grocery app", "groceries"),
        ("personal finance tracker", "finances"),
        ("personal photo management", "photos"),
        ("time tracker", "time tracking"),
        ("inventory manager", "inventory management"),
        ("efficient podcast downloader", "podcast downloader"),
        ("web analytics", "web analytics"),
        ("wiki", "wiki"),
        ("app", "app"),
    ],
)
def test_what_a_product_holds(label: str, about: str) -> None:
    assert wording.contents(label) == about


@pytest.mark.parametrize(
    "label",
    [
        "open source", "made for families", "respects privacy", "privacy-friendly", "self-hosted", "writes",
        "no consent banner", "without ads", "reader compatible", "simple and fast", "GDPR-compliant",
        "reading",
    ],
)  # fmt: skip
def test_what_can_not_be_built(label: str) -> None:
    assert not wording.is_buildable(label)


@pytest.mark.parametrize(
    "label",
    ["offline", "dark mode", "private albums", "secure notes", "syncs", "filters", "streams",
     "privacy settings", "face recognition", "open banking", "!!!"],
)  # fmt: skip
def test_what_can_be_built(label: str) -> None:
    assert wording.is_buildable(label)


@pytest.mark.parametrize(
    ("phrase", "several"),
    [
        ("recipes", True), ("billable rates", True), ("links to albums", True), ("shopping list", False),
        ("web analytics", False), ("access", False), ("RSS", False), ("list of recipes", False), ("", False),
    ],
)  # fmt: skip
def test_plurals(phrase: str, several: bool) -> None:
    assert wording.is_plural(phrase) is several


@pytest.mark.parametrize(
    "text",
    [
        "Manage your recipes with simplicity.",
        "Track time across projects and clients.",
        "A recipe keeper that can import recipes directly from any URL.",
        "Passwords automatically expire after a certain number of views.",
        "The database itself refuses rows that break rules.",
        "Sorts photos.",
        "Mealie plans a week.",
        "A modern and powerful tool that lets you sort photos.",
    ],
)
def test_behaviour(text: str) -> None:
    assert wording.states_behaviour(text)


@pytest.mark.parametrize(
    "text",
    [
        "LibraryThing has weak reading progress tracking",
        "It limits free accounts to one thousand photos.",
        "Mela is a recipe manager with a clean, native design",
        "Collaborative password manager.",
        "Web analytics and dashboard (alternative to others).",
        "Doesn't import recipes.",
        "Tracks time for 5 € per month.",
        "Imports only ten recipes.",
        "Bookmark archive with automatic backups and link monitoring.",
        "Repository management, code reviews, issue tracking and wikis.",
        "Web analytics that protects your data (alternative to others).",
        "Web analytics that is easy to set up and more intuitive.",
        "",
    ],
)
def test_no_behaviour(text: str) -> None:
    assert not wording.states_behaviour(text)
