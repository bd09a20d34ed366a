"""What a language model's rows do to an analysis, and which of them are refused."""

from __future__ import annotations

from typing import Any

import pytest

from research.analyst import quotes
from research.analyst.judging import Judgement
from research.analyst.landscape import Analysis
from research.model import analyze, answers, interpret, judge, synthesize
from research.model.notes import Log
from research.model.sources import Shown
from research.schemas import Quote
from tests.unit.research.analyst_fakes import document
from tests.unit.research.model_base import (
    COOKPAD,
    MEALBOX,
    TANDOOR,
    UNDERSTOOD,
    analysis,
    base,
    judgement,
    quote,
)

PROOF = {"source": "s1", "quote": "Mealbox plans meals for families."}
OF_TANDOOR = {"source": "s3", "quote": "Tandoor keeps recipes."}
MENTION = {"source": "s3", "quote": "Many families came from Paprika Nine to Tandoor."}
COMPLAINT = {"source": "s2", "quote": "It has no meal planner, users complain."}
INVENTED = {"source": "s1", "quote": "Mealbox is the leader of its market."}
KNOWN = {"id": "p1", "name": "Mealbox", "stage": "incumbent", "quotes": [PROOF]}


def applied(**answer: Any) -> tuple[Analysis, Log]:
    read, unread = answers.read(answers.Analysis, answer)
    found = analyze.accept(base(), read, unread)
    assert found is not None
    return found


def proved(found: Analysis) -> None:
    texts = {one.id: one.text for one in (MEALBOX, COOKPAD, TANDOOR)}
    for row in [*found.competitors, *found.features, *found.gaps, *found.signals]:
        assert row.evidence
        assert all(quotes.verify(one, texts[one.source_id]) for one in row.evidence)


def told(log: Log) -> list[tuple[str, str, str]]:
    return [(row.action, row.kind, row.label) for row in log.rows]


# --- Players -------------------------------------------------------------------------------------


def test_a_player_that_is_confirmed_stays_as_it_is() -> None:
    found, log = applied(players=[KNOWN])
    assert found == analysis()
    assert (log.rows, log.rejected) == ([], 0)


def test_a_player_changes_its_stage_with_proof() -> None:
    found, log = applied(players=[{**KNOWN, "stage": "emerging", "reason": "it is young"}])
    row = next(row for row in found.competitors if row.name == "Mealbox")
    assert (row.stage, row.why["stage_before"]) == ("emerging", "incumbent")
    assert row.evidence[0] == quote(MEALBOX)
    assert [(one.action, one.row_id, one.reason) for one in log.rows] == [("changed", row.id, "it is young")]
    assert [one.name for one in found.competitors] == ["Cookpad", "Mealbox"], "incumbents come first"


def test_a_product_with_a_source_of_its_own_is_added_with_real_numbers() -> None:
    found, log = applied(players=[{"name": "Tandoor", "stage": "emerging", "quotes": [OF_TANDOOR]}])
    row = next(row for row in found.competitors if row.name == "Tandoor")
    assert (row.url, row.domain) == (TANDOOR.url, TANDOOR.domain)
    assert row.relevance == pytest.approx(0.8)
    assert told(log) == [("added", "competitor", "Tandoor")]
    for feature in found.features:
        assert [cell.competitor_id for cell in feature.cells] == [one.id for one in found.competitors]
    assert found.features[0].prevalence == pytest.approx(1 / 3, abs=1e-3)
    proved(found)


def test_a_product_that_is_only_named_by_others() -> None:
    found, _ = applied(players=[{"name": "Paprika Nine", "stage": "incumbent", "quotes": [MENTION]}])
    row = next(row for row in found.competitors if row.name == "Paprika Nine")
    assert (row.url, row.domain, row.why["loose"]) == ("", "", True)
    proved(found)


def test_two_proposals_of_one_product_are_one_row() -> None:
    new = {"name": "Tandoor", "stage": "emerging", "quotes": [OF_TANDOOR]}
    found, log = applied(players=[new, new, {**new, "name": "tandoor"}])
    assert sum(row.name == "Tandoor" for row in found.competitors) == 1
    assert len(log.rows) == 1


@pytest.mark.parametrize(
    "player",
    [
        {"name": "Ghost", "stage": "incumbent", "quotes": [PROOF]},  # the sentence is real, and not about it
        {"name": "Meal", "stage": "incumbent", "quotes": [PROOF]},  # a part of a word is no name
        {"name": "Tandoor", "stage": "incumbent", "quotes": [INVENTED]},
        {"name": "Tandoor", "stage": "incumbent", "quotes": [{**OF_TANDOOR, "source": "s1"}]},
        {"name": "Tandoor", "stage": "incumbent", "quotes": []},
        {**KNOWN, "stage": "emerging", "quotes": [OF_TANDOOR]},  # another product's sentence
        {**KNOWN, "stage": "emerging", "quotes": [INVENTED]},
    ],
)
def test_players_without_proof_are_refused(player: dict[str, Any]) -> None:
    found, log = applied(players=[{"id": "p2", "name": "Cookpad", "stage": "incumbent", "quotes": [
        {"source": "s2", "quote": "Cookpad lets people share recipes."}]}, player])  # fmt: skip
    assert found == analysis()
    assert (log.rows, log.rejected) == ([], 1)


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"players": [{**KNOWN, "quotes": [INVENTED]}]},
        {"gaps": [{"label": "meal planner", "quotes": [COMPLAINT]}]},
        {"dropped": [{"id": "p1", "reason": ""}]},
    ],
)
def test_neither_a_player_nor_a_feature_is_nothing(answer: dict[str, Any]) -> None:
    assert analyze.accept(base(), *answers.read(answers.Analysis, answer)) is None


# --- Features and gaps ---------------------------------------------------------------------------


def test_an_unknown_cell_gets_its_proof() -> None:
    proof = {**COMPLAINT, "state": "absent"}
    found, log = applied(features=[{"id": "f1", "label": "meal planning", "proofs": [proof]}])
    (feature,) = found.features
    assert [cell.state for cell in feature.cells] == ["present", "absent"]
    assert feature.cells[1].quote is not None
    assert feature.cells[1].quote.role == "absence"
    assert told(log) == [("changed", "feature", "meal planning")]


def test_what_the_analyst_read_itself_is_not_overruled() -> None:
    found, log = applied(features=[{"id": "f1", "label": "x y", "proofs": [{**PROOF, "state": "absent"}]}])
    assert found.features == analysis().features
    assert log.rows == []


def test_a_feature_is_added_with_its_row_of_the_matrix() -> None:
    proof = {"source": "s1", "quote": "It prints shopping lists every week.", "state": "present"}
    found, log = applied(features=[{"label": "shopping lists", "proofs": [proof]}])
    feature = found.features[-1]
    assert [cell.state for cell in feature.cells] == ["present", "unknown"]
    assert (feature.prevalence, feature.in_idea) == (0.5, False)
    assert told(log) == [("added", "feature", "shopping lists")]
    proved(found)


@pytest.mark.parametrize(
    "feature",
    [
        {"label": "world peace", "proofs": [{**PROOF, "state": "present"}]},  # the quote says nothing of it
        {"label": "meal import", "proofs": [{**PROOF, "state": "absent"}]},  # no product has it
        {"label": "recipes kept", "proofs": [{**OF_TANDOOR, "state": "present"}]},  # not a listed product
        {"label": "meal plans that are very long in words", "proofs": [{**PROOF, "state": "present"}]},
        {"label": "meal plans", "proofs": [{**INVENTED, "state": "present"}]},
        {"label": "meal plans", "proofs": []},
    ],
)
def test_features_without_proof_are_refused(feature: dict[str, Any]) -> None:
    found, log = applied(players=[KNOWN], features=[feature])
    assert found.features == analysis().features
    assert (log.rows, log.rejected) == ([], 1)


def test_a_gap_is_weighed_and_stays_unverified() -> None:
    found, log = applied(
        players=[KNOWN], gaps=[{"label": "meal planner", "reason": "Users say so.", "quotes": [COMPLAINT]}]
    )
    gap = found.gaps[-1]
    assert gap.status == "unverified"
    assert gap.confidence < 0.5
    assert gap.demand == pytest.approx(0.5 + 0.3 / 2, abs=1e-3)
    assert gap.supply == pytest.approx(0.5 / 3, abs=1e-3)
    assert gap.opportunity == pytest.approx(gap.demand + gap.demand - gap.supply, abs=1e-3)
    assert gap.evidence[0].role == "complaint"
    assert told(log) == [("added", "gap", "meal planner")]


@pytest.mark.parametrize(
    "gap",
    [
        {"label": "world peace", "quotes": [COMPLAINT]},
        {"label": "made for families", "quotes": [PROOF]},  # known already
        {"label": "meal planner", "quotes": [INVENTED]},
        {"label": "meal planner", "quotes": []},
    ],
)
def test_gaps_without_proof_are_refused(gap: dict[str, Any]) -> None:
    found, log = applied(players=[KNOWN], gaps=[gap])
    assert found.gaps == analysis().gaps
    assert log.rejected == 1


# --- Dropping ------------------------------------------------------------------------------------


def test_most_rows_cannot_be_dropped() -> None:
    drops = [{"id": ref, "reason": "told so"} for ref in ("p1", "p2", "f1", "g1", "p99")]
    found, log = applied(players=[KNOWN], dropped=drops)
    assert found == analysis(), "a third of two rows is none"
    assert (log.rows, log.rejected) == ([], 5)


def test_a_dropped_player_leaves_no_trace() -> None:
    three = analysis().model_copy(
        update={
            "competitors": [*analysis().competitors, analysis().competitors[0].model_copy(update={"id": "x"})]
        }
    )
    read, _ = answers.read(
        answers.Analysis, {"players": [KNOWN], "dropped": [{"id": "p2", "reason": "other"}]}
    )
    found = analyze.accept(base(three), read, 0)
    assert found is not None
    kept, log = found
    assert "Cookpad" not in [row.name for row in kept.competitors]
    assert kept.signals[0].competitor_id is None
    assert all(len(feature.cells) == len(kept.competitors) for feature in kept.features)
    assert told(log) == [("dropped", "competitor", "Cookpad")]


# --- Judging -------------------------------------------------------------------------------------


def verdicts(judged: list[Judgement], *rows: dict[str, Any]) -> tuple[dict[str, Judgement], Log] | None:
    documents = {one.id: one for one in many(len(judged))}
    shown = Shown([(documents[item.document_id], item) for item in judged], 30)
    read, unread = answers.read(answers.Verdicts, {"verdicts": list(rows)})
    return judge.accept(shown, judged, read, unread)


def many(number: int) -> list[Any]:
    return [
        document(f"product{n}", f"Product number {n} plans the meals of families.") for n in range(number)
    ]


def test_a_source_is_raised_with_its_own_words_only() -> None:
    judged = [judgement(one, 0.2) for one in many(2)]
    words = "Product number 0 plans the meals of families."
    direct = {"source": "s1", "verdict": "direct", "quote": words, "reason": "it does"}
    found = verdicts(judged, direct, {**direct, "source": "s2"})
    assert found is not None
    changed, log = found
    assert {id: item.kept for id, item in changed.items()} == {"product0": True}
    assert changed["product0"].weight == pytest.approx(changed["product0"].relevance)
    assert changed["product0"].reasons["before_the_model"] == 0.2
    assert (told(log), log.rejected) == ([("added", "source", "Product0")], 1)


def test_half_of_the_sources_stay_whatever_the_verdicts() -> None:
    judged = [judgement(one, 0.9 - number / 100) for number, one in enumerate(many(10))]
    found = verdicts(
        judged,
        *({"source": f"s{n}", "verdict": "unrelated", "quote": "", "reason": ""} for n in range(1, 11)),
    )
    assert found is not None
    changed, log = found
    assert set(changed) == {f"product{n}" for n in range(5, 10)}, "the least relevant go first"
    assert not any(item.kept for item in changed.values())
    assert log.rejected == 5


def test_three_sources_stay_in_any_case() -> None:
    judged = [judgement(one) for one in many(3)]
    found = verdicts(judged, {"source": "s1", "verdict": "unrelated"})
    assert found is not None
    assert found[0] == {}


def test_verdicts_on_nothing_are_none() -> None:
    assert verdicts([judgement(one) for one in many(3)], {"source": "s9", "verdict": "related"}) is None


# --- Interpreting --------------------------------------------------------------------------------


def test_search_phrases_are_added_once() -> None:
    phrases = [
        "meal plans online",
        "Meal plans online",
        "a meal planner for families",
        "of the",
        "see www.spam.example",
    ]
    answer = answers.Interpretation(problem="P.", users=["cooks"], search_phrases=[*phrases, "one " * 12])
    found = interpret.accept(UNDERSTOOD, answer, 0)
    assert found is not None
    refined, notes = found
    assert refined.queries == [*UNDERSTOOD.queries, "meal plans online"]
    assert refined.facets == UNDERSTOOD.facets
    assert (len(notes.rows), notes.rejected, notes.problem, notes.users) == (1, 5, "P.", ["cooks"])


def test_an_interpretation_without_anything_is_none() -> None:
    assert interpret.accept(UNDERSTOOD, answers.Interpretation(users=["cooks"]), 0) is None


# --- Telling -------------------------------------------------------------------------------------


def of_text(text: str) -> Quote:
    found = document("one", text)
    return quotes.build(found, 0, len(text), 1.0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It has plans for families.", True),
        ("It has 3 plans since 2019.", True),
        ("It has 4 plans.", False),
        ("It has 3,000 plans.", False),
        ("See https://spam.example for plans.", False),
        ("A [link](x) to plans.", False),
        ("<b>Plans</b>", False),
        ("", False),
        ("word " * 60, False),
    ],
)
def test_sentences_stand_on_their_evidence(text: str, expected: bool) -> None:
    assert synthesize.stands(text, [of_text("It has had 3 plans for families since 2019.")]) is expected
    assert synthesize.stands(text, []) is False
