"""From artifacts of research to a plan's material, and to what is ready to be built."""

from __future__ import annotations

from typing import Any

import pytest

from buildgraphs import findings, readiness
from buildgraphs.schemas import Feature


def quote(key: str, text: str, source: str = "Mealie", role: str = "support") -> dict[str, Any]:
    return {"evidence_id": key, "source_name": source, "text": text, "role": role}


def feature(label: str, *quotes: dict[str, Any], cells: Any = (), **values: Any) -> dict[str, Any]:
    row = {"id": f"id of {label}", "label": label, "in_idea": True, "prevalence": 0.5}
    return {**row, "evidence": list(quotes), "cells": list(cells), **values}


def market(**rows: Any) -> dict[str, Any]:
    empty: dict[str, Any] = {"features": [], "gaps": [], "signals": [], "interpretation": {"facets": []}}
    return {**empty, **rows}


def study(name: str, *, depends_on: str | None = None, phase: int = 1, **values: Any) -> dict[str, Any]:
    needs = [{"on": depends_on, "basis": "explicit", "reason": "said so"}] if depends_on else []
    step = {
        "position": 1,
        "phase": phase,
        "feature_id": name,
        "name": name,
        "depends_on": needs,
        "reason": "",
    }
    found = {"id": name, "name": name, "implementations": [], "edge_cases": [], **values}
    return {"features": [found], "blueprint": {"build_order": [step]}}


def chosen(label: str, key: str = "") -> dict[str, str]:
    return {"id": key or label, "label": label, "source": "user"}


def gathered(row: dict[str, str], *markets: dict[str, Any], studies: Any = ()) -> Feature:
    artifacts = [(f"research {number}", each) for number, each in enumerate(markets, 1)]
    (found,) = findings.material("an idea", [row], artifacts, [("study", each) for each in studies]).features
    return found


@pytest.mark.parametrize(
    "row", [chosen("Something", "id of meal plans"), chosen("Meal plans"), chosen("meal plan")]
)
def test_a_feature_is_found_by_id_or_by_words(row: dict[str, str]) -> None:
    found = gathered(row, market(features=[feature("meal plans", quote("e1", "Plans a week."))]))
    assert [(each.evidence_id, each.source, each.research_id) for each in found.statements] == [
        ("e1", "Mealie", "research 1")
    ]


def test_what_is_about_something_else_is_left_out() -> None:
    other = feature("photo albums", quote("e1", "Sorts photos."))
    assert gathered(chosen("meal plans"), market(features=[other])).statements == []


def test_the_row_of_the_feature_matrix_counts_and_nothing_twice() -> None:
    cells = [
        {"state": "present", "quote": quote("e1", "Plans a week.")},
        {"state": "present", "quote": quote("e2", "Plans a month.", "Tandoor")},
        {"state": "absent", "quote": quote("e3", "Plans nothing.")},
        {"state": "unknown", "quote": None},
    ]
    row = feature("meal plans", quote("e1", "Plans a week."), cells=cells)
    found = gathered(chosen("meal plans"), market(features=[row]), market(features=[row]))
    assert [each.evidence_id for each in found.statements] == ["e1", "e2"]


def test_complaints_come_from_gaps_and_signals() -> None:
    gap = {"id": "g", "label": "meal plans", "evidence": [quote("e1", "No plans.", role="absence")]}
    signals = [
        {"kind": "complaint", "text": "Mealie: meal plans get lost", "evidence": [quote("e2", "Lost.")]},
        {"kind": "complaint", "text": "Mealie is slow", "evidence": [quote("e3", "Slow.")]},
        {"kind": "launch", "text": "meal plans launched", "evidence": [quote("e4", "Launched.")]},
    ]
    found = gathered(chosen("meal plans"), market(gaps=[gap], signals=signals))
    assert [each.evidence_id for each in found.complaints] == ["e1", "e2"]
    assert found.statements == []


@pytest.mark.parametrize(
    ("label", "text", "speaks"),
    [
        ("bookings", "Books go missing", False),
        ("bookings", "Every second booking gets lost", True),
        ("meal plans", "Meal planning is slow", True),
        ("meal plans", "Plans get lost", False),
        ("!!!", "It is slow", False),
    ],
)
def test_a_complaint_is_about_the_feature(label: str, text: str, speaks: bool) -> None:
    signals = [{"kind": "complaint", "text": text, "evidence": [quote("e", text)]}]
    assert bool(gathered(chosen(label), market(signals=signals)).complaints) is speaks


def test_a_study_gives_statements_cautions_and_needs() -> None:
    implementations = [{"evidence": [quote("e1", "Plans a week.")]}]
    deep = study(
        "meal plans", implementations=implementations, edge_cases=[{"text": "Weeks\n begin  twice."}]
    )
    deep["blueprint"]["build_order"][0]["depends_on"] = [{"on": "recipes", "basis": "derived", "reason": ""}]
    found = gathered(chosen("meal plans"), studies=[deep])
    assert [(each.evidence_id, each.research_id) for each in found.statements] == [("e1", "study")]
    assert (found.cautions, found.needs) == (["Weeks begin twice."], ["recipes"])


def test_equal_features_are_one_and_ids_stay_apart() -> None:
    rows = [
        chosen("Meal plans", "a"),
        chosen("meal plan!", "b"),
        chosen("Recipes", "a"),
        chosen("Notes", "c"),
    ]
    found = findings.material("x", rows, [], []).features
    assert [(each.id, each.label) for each in found] == [
        ("a", "Meal plans"),
        ("a#2", "Recipes"),
        ("c", "Notes"),
    ]


@pytest.mark.parametrize(
    "ids",
    [["a#3", "a", "a"], ["a", "a", "a#2"], ["a", "a#2", "a"], ["", "", "#2"], ["a", "a", "a", "a#2", "a#3"]],
)
def test_no_feature_is_lost_to_its_id(ids: list[str]) -> None:
    labels = ["Recipes", "Meal plans", "Notes", "Photos", "Tags"][: len(ids)]
    rows = [chosen(label) | {"id": key} for label, key in zip(labels, ids, strict=True)]
    found = findings.material("x", rows, [], []).features
    assert [each.label for each in found] == labels
    assert len({each.id for each in found}) == len(ids)
    first = {key: label for label, key in reversed(list(zip(labels, ids, strict=True))) if key}
    assert {each.id: each.label for each in found}.items() >= first.items(), "the first with an id keeps it"


def test_whom_it_is_for() -> None:
    facets = [{"text": "recipe box", "type": "core"}, {"text": "large families", "type": "audience"}]
    for artifact, audience in (
        (market(interpretation={"facets": facets}), "large families"),
        (market(), "users"),
    ):
        assert findings.material("x", [chosen("Notes")], [("r", artifact)], []).audience == audience


def test_readiness_of_market_research() -> None:
    rows = [
        feature("wanted"),
        feature("usual", in_idea=False),
        feature("rare", in_idea=False, prevalence=0.1),
    ]
    gaps = [
        {"id": "g", "label": "a gap", "status": "gap"},
        {"id": "u", "label": "unsure", "status": "unverified"},
    ]
    found = readiness.build_readiness(market(features=rows, gaps=gaps), None)
    assert {phase: [row["label"] for row in each] for phase, each in found.items()} == {
        "phase_1": ["wanted", "a gap"], "phase_2": ["usual", "unsure"],
    }  # fmt: skip
    assert [row["label"] for row in readiness.selected(found, 2)] == ["usual", "unsure"]
    assert len(readiness.selected(found, None)) == 4


FACETS = [
    {"text": "recipe box", "type": "core"},
    {"text": "large families", "type": "audience"},
]


def test_only_what_can_be_built_is_ready() -> None:
    rows = [
        feature(label)
        for label in ("recipe box", "respects privacy", "large families", "plans meals", "writes", "recipes")
    ]
    gaps = [
        {"id": label, "label": label, "status": "gap"}
        for label in (
            "made for large families", "open source", "no consent banner",
            "recipe box together with plans meals", "meal planning", "offline",
            "offline together with voice control",
        )
    ]  # fmt: skip
    artifact = market(features=rows, gaps=gaps, interpretation={"facets": FACETS})
    found = readiness.build_readiness(artifact, None)
    assert [(row["id"], row["label"]) for row in found["phase_1"]] == [
        ("id of recipe box", "recipes"),
        ("id of plans meals", "meal planning"),
        ("offline", "offline"),
        ("offline together with voice control", "offline together with voice control"),
    ]
    assert found["phase_2"] == []


def test_a_thing_is_built_in_its_earliest_phase() -> None:
    gaps = [{"id": "g", "label": "meal plan organizer", "status": "gap"}]
    rows = [feature("meal plans", in_idea=False)]
    found = readiness.build_readiness(market(features=rows, gaps=gaps), None)
    assert [[row["id"] for row in each] for each in found.values()] == [["g"], []]


def test_readiness_follows_the_blueprint_where_there_is_one() -> None:
    found = readiness.build_readiness(market(features=[feature("wanted")]), study("meal plans", phase=2))
    assert found["phase_1"] == []
    assert found["phase_2"] == [{"id": "meal plans", "label": "meal plans", "source": "feature_research"}]
    assert readiness.build_readiness(None, None) == {"phase_1": [], "phase_2": []}
