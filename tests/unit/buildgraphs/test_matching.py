"""Kinds of features, recognised by their words."""

from __future__ import annotations

import pytest

from buildgraphs import keys, matching
from buildgraphs.schemas import Feature, Statement


@pytest.mark.parametrize(
    ("label", "kind"),
    [
        ("OAuth sign-in", "authentication"),
        ("Import from CSV", "transfer"),
        ("Full-text search", "search"),
        ("Email reminders", "notification"),
        ("Stripe subscriptions", "payment"),
        ("Appointment booking", "scheduling"),
        ("CalDAV sync", "integration"),
        ("Usage statistics dashboard", "reporting"),
        ("Role-based permissions", "permissions"),
        ("Photo gallery", "media"),
        ("Live chat", "realtime"),
        ("Guided onboarding tour", "onboarding"),
        ("Admin console", "admin"),
        ("Sharing by link", "sharing"),
        ("Automation rules", "automation"),
        ("Bookmarks with tags", "records"),
        ("Dark mode", "appearance"),
        ("End-to-end encryption", "encryption"),
        ("Shared vaults", "encryption"),
        ("Mobile app", "clients"),
        ("Offline mode", "offline"),
        ("Face recognition", "recognition"),
        ("Heatmaps", "reporting"),
        ("Map of places", "maps"),
        ("Multiple languages", "translation"),
        ("Time tracking", "timers"),
        ("Audit log", "audit"),
        ("Billable rates", "payment"),
        ("Late fees", "payment"),
        ("Book data", "records"),
        ("Custom events", "reporting"),
        ("Google Meet links", "integration"),
        ("API access", "integration"),
        ("Password generator", "computation"),
        ("RSS reader", "transfer"),
        ("Recipe import from websites", "transfer"),
        ("Recipe scaling", "computation"),
    ],
)
def test_kinds(label: str, kind: str) -> None:
    found = matching.match(Feature(id="f", label=label))
    assert (found.archetype.key, found.is_recognised) == (kind, True)


@pytest.mark.parametrize("label", ["Cook mode", "家族", "!!!", "zzz"])
def test_what_is_like_nothing_is_general(label: str) -> None:
    found = matching.match(Feature(id="f", label=label))
    assert (found.archetype.key, found.is_recognised) == ("general", False)


def said(*texts: str) -> list[Statement]:
    return [Statement(evidence_id="e", source="X", text=text, research_id="r") for text in texts]


def test_what_is_said_recognises_no_kind() -> None:
    pay = said("Pay an invoice by card at the checkout.")
    assert not matching.match(Feature(id="f", label="Cook mode", statements=pay)).is_recognised


def test_what_is_said_decides_only_among_the_kinds_that_the_label_names() -> None:
    loud = said("Import, export and migrate CSV, JSON and XML with backup and restore.")
    found = matching.match(Feature(id="f", label="Email reminders", statements=loud * 8))
    assert (found.archetype.key, found.is_recognised) == ("notification", True)


@pytest.mark.parametrize("label", ["Rated", "Rates", "Eventually", "Booked"])
def test_ambiguous_words_count_only_whole(label: str) -> None:
    assert not matching.match(Feature(id="f", label=label)).is_recognised


def test_keys() -> None:
    assert keys.distinct(["Meal plans", "meal plans", "Node.js API", "!!!", "家族 app", "Meal plans 2"]) == [
        "meal-plans", "meal-plans-2", "node-js-api", "feature", "家族-app", "meal-plans-2-2",
    ]  # fmt: skip
    assert len(keys.segment("word " * 50)) <= keys.MAX_SEGMENT
