"""The archetypes as data: whole, consistent, and without circles."""

from __future__ import annotations

from collections.abc import Iterator
from graphlib import TopologicalSorter

import pytest

from buildgraphs import library, rules
from buildgraphs.library import Archetype, Part
from buildgraphs.schemas import EFFORTS

KINDS = library.archetypes()
REQUIRED = {
    "authentication", "records", "transfer", "search", "notification", "payment", "scheduling", "integration",
    "reporting", "permissions", "media", "realtime", "onboarding", "admin", "sharing", "automation",
    "appearance", "audit", "clients", "computation", "encryption", "maps", "offline", "recognition", "timers",
    "translation", "general",
}  # fmt: skip


def parts(kind: Archetype) -> Iterator[Part]:
    for part in kind.parts:
        yield part
        yield from part.steps


EVERY = [pytest.param(part, id=f"{kind.key}.{part.key}") for kind in KINDS.values() for part in parts(kind)]


def test_the_kinds_that_are_promised() -> None:
    assert set(KINDS) >= REQUIRED
    assert [kind.key for kind in KINDS.values() if kind.general] == ["general"]


@pytest.mark.parametrize("part", EVERY)
def test_part_can_be_built_from(part: Part) -> None:
    assert len(part.criteria) >= 2
    assert len(part.tests) >= 2
    assert part.objective.endswith(".")
    assert part.effort in EFFORTS
    assert set(part.touches) <= set(rules.TOUCHES)
    for text in (part.name, part.objective, *part.criteria, *part.tests, *part.unknowns):
        assert "{feature}" in text, text
    assert all(
        text.endswith(".") for text in (*part.criteria, *part.tests, *part.constraints, *part.unknowns)
    )


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.key)
def test_kind_is_consistent(kind: Archetype) -> None:
    assert len(kind.parts) >= 3
    assert any(part.steps for part in kind.parts), "something to expand"
    assert all(len(part.steps) != 1 for part in kind.parts)
    assert not any(step.steps for part in kind.parts for step in part.steps)
    assert set(kind.touches) <= set(rules.TOUCHES)
    assert set(kind.after) <= set(KINDS) - {kind.key}
    for beside in (kind.parts, *(part.steps for part in kind.parts)):
        earlier: set[str] = set()
        for part in beside:
            assert set(part.needs) <= earlier, "needs point backwards"
            earlier.add(part.key)


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.key)
def test_kind_says_what_it_gives_and_by_what_it_is_known(kind: Archetype) -> None:
    assert "{feature}" in kind.head
    assert kind.head.endswith(".")
    assert bool(kind.vocabulary) != kind.general
    assert all(len(term.split()) <= 2 for term in kind.vocabulary)


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.key)
def test_steps_follow_one_another(kind: Archetype) -> None:
    for part in kind.parts:
        assert all(step.needs for step in part.steps[1:])


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.key)
def test_every_feature_of_a_kind_has_parts(kind: Archetype) -> None:
    for label in (kind.label, "x", *(term.lstrip("=") for term in kind.vocabulary)):
        assert len(library.parts_of(kind, label)) >= 2, label
    places = {part.key for term in kind.vocabulary for part in library.parts_of(kind, term.lstrip("="))}
    assert places | {part.key for part in library.parts_of(kind, kind.label)} == {
        part.key for part in kind.parts
    }


def test_heads_differ() -> None:
    assert len({kind.head for kind in KINDS.values()}) == len(KINDS)


@pytest.mark.parametrize(
    ("kind", "label", "keys"),
    [
        ("transfer", "Recipe import from websites", ["fetching", "reading", "jobs"]),
        ("transfer", "CSV import", ["reading", "jobs"]),
        ("transfer", "CSV export", ["writing", "jobs"]),
        ("transfer", "Import and export", ["reading", "writing", "jobs"]),
        ("transfer", "RSS reader", ["fetching", "reading", "jobs"]),
        ("payment", "Invoices", ["ledger", "rates", "documents"]),
        ("payment", "Online payments", ["ledger", "provider", "documents"]),
        ("payment", "Budgets", ["ledger", "balances"]),
        ("scheduling", "Meal planning", ["time", "filling", "view"]),
        ("scheduling", "Bookings", ["time", "filling", "conflicts", "changes", "view"]),
        ("sharing", "Sharing by link", ["links", "abuse"]),
        ("sharing", "Recipe comments", ["remarks", "abuse"]),
    ],
)
def test_parts_suit_the_label(kind: str, label: str, keys: list[str]) -> None:
    assert [part.key for part in library.parts_of(KINDS[kind], label)] == keys


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.key)
def test_no_two_parts_say_the_same(kind: Archetype) -> None:
    found = list(parts(kind))
    assert len({(part.name, part.objective) for part in found}) == len(found)
    texts = [text for part in found for text in (*part.criteria, *part.tests)]
    assert len(set(texts)) == len(texts)


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.key)
def test_the_main_part_is_never_left_out(kind: Archetype) -> None:
    main = [part for part in kind.parts if part.main]
    assert len(main) <= 1
    assert not any(part.when or part.unless for part in main)


def test_kinds_stand_on_each_other_without_a_circle() -> None:
    assert list(TopologicalSorter({key: kind.after for key, kind in KINDS.items()}).static_order())


def test_a_place_is_found() -> None:
    kind = KINDS["authentication"]
    assert library.find(kind, "credentials.storage") is kind.parts[0].steps[0]
    assert library.find(kind, "sessions") is kind.parts[1]
