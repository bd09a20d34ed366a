"""Risk, effort and confidence, and that a model may only raise them."""

from __future__ import annotations

import pytest

from buildgraphs import rules
from buildgraphs.schemas import RISKS, Assessment, Effort, Risk


def assessed(*touches: str, effort: Effort = "small", unknowns: int = 0, **values: object) -> Assessment:
    known = {"recognised": True, "sources": 1, **values}
    return rules.assess(touches, effort, [f"question {n}" for n in range(unknowns)], **known)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("touches", "unknowns", "risk"),
    [
        ((), 0, "green"),
        ((), 2, "yellow"),
        (("migrations",), 0, "yellow"),
        (("migrations", "deletion"), 2, "yellow"),
        (("migrations", "deletion", "personal data"), 0, "red"),
        (("money",), 0, "red"),
        (("authentication",), 0, "red"),
    ],
)
def test_risk(touches: tuple[str, ...], unknowns: int, risk: str) -> None:
    found = assessed(*touches, unknowns=unknowns)
    assert found.risk == risk
    assert [reason.text for reason in found.reasons if reason.about == "risk"]


@pytest.mark.parametrize(
    ("effort", "touches", "unknowns", "expected"),
    [
        ("small", (), 0, "small"),
        ("small", (), 2, "medium"),
        ("medium", ("money", "migrations", "deletion"), 0, "large"),
        ("large", ("money", "migrations", "deletion"), 3, "very_large"),
        ("very_large", (), 2, "very_large"),
    ],
)
def test_effort(effort: Effort, touches: tuple[str, ...], unknowns: int, expected: str) -> None:
    assert assessed(*touches, effort=effort, unknowns=unknowns).effort == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, "high"),
        ({"sources": 0}, "high"),
        ({"sources": 0, "effort": "medium"}, "medium"),
        ({"unknowns": 1}, "medium"),
        ({"unknowns": 2}, "low"),
        ({"recognised": False}, "low"),
    ],
)
def test_confidence(values: dict[str, object], expected: str) -> None:
    assert assessed(**values).confidence == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("label", "facet"),
    [
        ("Splitting expenses", "money"),
        ("Password vault", "authentication"),
        ("Medical diary", "personal data"),
        ("Email digests", "external systems"),
        ("Late fees", "money"),
        ("Payroll", "money"),
        ("Salaries of staff", "money"),
        ("Tax reports", "money"),
        ("Monthly subscriptions", "money"),
        ("Shopping cart", "money"),
        ("Order history", "money"),
        ("Wallets", "money"),
        ("Billable rates", "money"),
        ("Payroll", "personal data"),
        ("Permissions", "authentication"),
    ],
)
def test_words_tell_what_is_touched(label: str, facet: str) -> None:
    assert facet in rules.touched((), label)
    assert rules.touched((), "Dark mode") == ()


@pytest.mark.parametrize(
    "label",
    [
        "Tags in order to find notes", "Sort order", "Reading order", "Order of chapters",
        "Podcast subscriptions", "Feeds", "Taxonomy", "Coffee notes", "Cartoons", "Feedback",
    ],
)  # fmt: skip
def test_words_that_only_look_like_money(label: str) -> None:
    assert "money" not in rules.touched((), label)


def test_a_whole_is_as_risky_as_its_riskiest_part() -> None:
    whole, harmless = assessed(), assessed(effort="large")
    stored, paid = assessed("migrations"), assessed("money")
    assert rules.with_parts(whole, [("a", harmless)]) == whole
    found = rules.with_parts(whole, [("a", stored), ("b", stored)])
    assert found.risk == "yellow"
    told = [reason.text for reason in found.reasons if reason.about == "risk"]
    assert told == [f"a: {rules.TOUCHES['migrations'][1]}"], "once, though it holds for both"
    assert rules.with_parts(assessed("money"), [("a", stored)]) == assessed("money")
    red = rules.with_parts(stored, [("a", stored), ("b", paid)])
    assert red.risk == "red"
    assert [reason.text for reason in red.reasons if reason.about == "risk"] == [
        f"b: {rules.TOUCHES['money'][1]}",
        rules.TOUCHES["migrations"][1],
    ]
    assert (red.effort, red.confidence, red.unknowns) == (stored.effort, stored.confidence, stored.unknowns)


@pytest.mark.parametrize("ruled", RISKS)
@pytest.mark.parametrize("seen", RISKS)
def test_risk_is_raised_and_never_lowered(ruled: Risk, seen: Risk) -> None:
    before = assessed().model_copy(update={"risk": ruled})
    after = rules.raised(before, seen, "it calls a shell")
    assert RISKS.index(after.risk) == max(RISKS.index(ruled), RISKS.index(seen))
    told = [reason.text for reason in after.reasons if reason not in before.reasons]
    assert told == (["it calls a shell"] if after.risk != ruled else [])


@pytest.mark.parametrize(
    ("efforts", "expected"),
    [
        ([], "small"),
        (["small"], "small"),
        (["small", "small"], "medium"),
        (["medium", "medium"], "large"),
        (["large", "small"], "very_large"),
        (["very_large", "very_large"], "very_large"),
    ],
)
def test_work_adds_up(efforts: list[Effort], expected: str) -> None:
    assert rules.together(efforts) == expected
