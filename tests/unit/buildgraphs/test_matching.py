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
    ],
)
def test_kinds(label: str, kind: str) -> None:
    found = matching.match(Feature(id="f", label=label))
    assert (found.archetype.key, found.is_recognised) == (kind, True)


@pytest.mark.parametrize("label", ["Dark mode", "家族", "!!!", "zzz"])
def test_what_is_like_nothing_is_general(label: str) -> None:
    found = matching.match(Feature(id="f", label=label))
    assert (found.archetype.key, found.is_recognised) == ("records", False)


def test_what_is_said_decides_between_equals_and_never_alone() -> None:
    said = Statement(evidence_id="e", source="X", text="Pay an invoice by card.", research_id="r")
    assert not matching.match(Feature(id="f", label="Dark mode", statements=[said])).is_recognised


def test_keys() -> None:
    assert keys.distinct(["Meal plans", "meal plans", "Node.js API", "!!!", "家族 app", "Meal plans 2"]) == [
        "meal-plans", "meal-plans-2", "node-js-api", "feature", "家族-app", "meal-plans-2-2",
    ]  # fmt: skip
    assert len(keys.segment("word " * 50)) <= keys.MAX_SEGMENT
