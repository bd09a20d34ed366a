from collections.abc import Sequence

import numpy as np
import pytest

from research.analyst import features
from research.analyst.documents import Vector
from research.analyst.features import Background, Line, find, judge_line, read, term
from research.analyst.players import merge
from research.schemas import Facet, Feature
from tests.unit.research.market_fixture import (
    CORPUS_SIZE,
    FACETS,
    analysis,
    document,
    embed,
    facet_vectors,
    frequencies,
    judged,
    judgement,
)


def mark(sentence: str, phrase: str) -> features.Mark | None:
    return find(read(sentence), term(phrase))


def by_label() -> dict[str, Feature]:
    return {feature.label: feature for feature in analysis().features}


def states(feature: Feature) -> dict[str, str]:
    """State by product name."""
    names = {row.id: row.name for row in analysis().competitors}
    return {names[cell.competitor_id]: cell.state for cell in feature.cells}


# --- Reading -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sentence",
    [
        "It has no pantry tracking.",
        "It does not support pantry tracking.",
        "It lacks pantry tracking and timers.",
        "It is missing timers, pantry tracking and labels.",
        "It has no timers, labels or pantry tracking.",
        "Pantry tracking is missing.",
        "Pantry tracking is not supported on the web.",
        "There is no support for pantry tracking.",
        "It has no helpers such as pantry tracking.",
        "It cannot do pantry tracking.",
    ],
)
def test_a_negated_sentence_denies(sentence: str) -> None:
    assert mark(sentence, "pantry tracking") == "denied"


@pytest.mark.parametrize(
    "sentence",
    [
        "It has pantry tracking.",
        "It has no web app, but it offers pantry tracking.",
        "It has no web app, and it offers pantry tracking.",
        "Not only pantry tracking is included.",
        "Tracking of pantry items is built in, although there is no web app.",
    ],
)
def test_a_negation_elsewhere_in_the_sentence_does_not_deny(sentence: str) -> None:
    assert mark(sentence, "pantry tracking") == "stated"


@pytest.mark.parametrize(
    "sentence",
    [
        "It has no calorie counts for pantry tracking.",
        "Pantry tracking is missing from the free plan.",
        "Without an account, Mela shows pantry tracking.",
        "It lists shelves instead of pantry tracking.",
        "It requires pantry tracking by hand.",
        "It has timers.",
    ],
)
def test_what_can_be_read_either_way_proves_nothing(sentence: str) -> None:
    assert mark(sentence, "pantry tracking") in {None, "unsure"}


@pytest.mark.parametrize(
    "sentence",
    ["It works without cookies.", "It needs no cookies.", "Tracking is cookieless.", "It has no cookies."],
)
def test_what_a_product_does_without_is_spared(sentence: str) -> None:
    assert mark(sentence, "cookies") == "spared"


@pytest.mark.parametrize("phrase", ["no cookies", "without cookies", "cookieless tracking", "cookie-free"])
def test_a_negative_wish_is_looked_for_by_what_it_rules_out(phrase: str) -> None:
    assert term(phrase).flipped
    assert mark("It works without cookies.", phrase) == "spared"


def test_a_single_word_is_not_matched_by_its_stem_alone() -> None:
    assert mark("It does not serve Canada.", "servings") is None
    assert mark("It scales to one serving.", "servings") == "stated"
    assert mark("It suits a family.", "families") == "stated"
    assert mark("It ships a box.", "boxes") == "stated"


def test_denying_a_compound_does_not_deny_its_first_word() -> None:
    assert mark("It does not support bill negotiation.", "bills") is None
    assert mark("It has no bills or receipts.", "bills") == "denied"
    assert mark("It shows missing bills in a calendar.", "bills") == "stated"


def test_compounds_match_in_every_spelling() -> None:
    assert mark("It can be self hosted.", "self-hosting") == "stated"
    assert mark("A privacy-first tool.", "privacy-friendly") == "stated"


# --- Candidates and clusters -------------------------------------------------------------------


def phrases_of(*ids: str) -> list[str]:
    items = judged(*ids)
    found = features.lines(merge(items))
    return [phrase.text for phrase in features.candidates(found, Background(CORPUS_SIZE, frequencies(items)))]


def test_candidates_are_capabilities() -> None:
    found = phrases_of("plantwise", "bedmaker", "rootline", "tendril", "seedbox")
    assert {"crop rotation", "companion planting", "seed inventory", "harvest log"} <= set(found)
    for junk in ("users complain", "plantwise", "gardeners", "users", "weekly tips", "small plots"):
        assert junk not in found


def test_complaints_and_company_facts_give_no_candidates() -> None:
    one = document("p", "Users complain about slow moss maps. It was founded by two moss collectors.")
    found = features.lines(merge([(one, judgement(one))]))
    assert features.candidates(found, Background(CORPUS_SIZE, {})) == []


def test_a_phrase_common_everywhere_sets_nothing_apart() -> None:
    items = judged("plantwise", "bedmaker", "tendril")
    found = features.lines(merge(items))
    rare = Background(CORPUS_SIZE, frequencies(items))
    common = Background(CORPUS_SIZE, dict.fromkeys(frequencies(items), CORPUS_SIZE))
    assert "crop rotation" in [phrase.text for phrase in features.candidates(found, rare)]
    assert "crop rotation" not in [phrase.text for phrase in features.candidates(found, common)]


def test_agglomeration_joins_what_is_near_on_average() -> None:
    angles = np.radians([0, 10, 90, 100, 45])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    assert features.agglomerate(vectors, 0.05) == [[0, 1], [2, 3], [4]]
    assert features.agglomerate(vectors, 0.0) == [[0], [1], [2], [3], [4]]
    assert features.agglomerate(vectors, 2.0) == [[0, 1, 2, 3, 4]]
    assert features.agglomerate(vectors[:0], 0.5) == []


# --- The matrix --------------------------------------------------------------------------------


def test_the_matrix_tells_present_absent_and_unknown_apart() -> None:
    assert states(by_label()["crop rotation"]) == {
        "Plantwise": "present",
        "Bedmaker": "present",
        "Rootline": "absent",
        # "Compared with Plantwise for its crop rotation": whose rotation is that?
        "Tendril": "unknown",
        "Seedbox": "unknown",
        "Courier": "unknown",
    }


def test_adjacent_products_are_read_as_well() -> None:
    assert states(by_label()["frost alerts"])["Courier"] == "present"


def test_a_product_name_is_not_a_claim() -> None:
    one = document("streaks", "Streaks has widgets. Streaks shows charts.", name="Streaks")
    found = features.lines(merge([(one, judgement(one))]))
    assert {judge_line(topic("streaks"), each).state for each in found} == {"unknown"}


def test_a_negated_sentence_gives_absent_and_never_present() -> None:
    frost = states(by_label()["frost alerts"])
    assert frost["Bedmaker"] == "absent"
    assert frost["Tendril"] == "absent"
    assert frost["Plantwise"] == "present"
    assert states(by_label()["harvest log"])["Bedmaker"] == "absent"


def test_a_wish_for_nothing_is_fulfilled_by_doing_without() -> None:
    cookies = states(by_label()["no cookies"])
    assert {name for name, state in cookies.items() if state == "present"} == {
        "Bedmaker",
        "Rootline",
        "Seedbox",
    }


def test_cells_quote_the_sentence_they_stand_on() -> None:
    for feature in analysis().features:
        for cell in feature.cells:
            assert (cell.quote is None) == (cell.state == "unknown")
            if cell.state == "absent" and cell.quote:
                assert cell.quote.role == "absence"


def test_features_have_one_to_three_quotes_that_state_them() -> None:
    for feature in analysis().features:
        assert 1 <= len(feature.evidence) <= 3
        present = {cell.quote.evidence_id for cell in feature.cells if cell.state == "present" and cell.quote}
        assert {quote.evidence_id for quote in feature.evidence} <= present


def test_facets_of_the_idea_come_first_and_only_when_somebody_has_them() -> None:
    found = analysis().features
    assert [feature.label for feature in found[:3]] == [facet.text for facet in FACETS]
    assert [feature.in_idea for feature in found] == [True] * 3 + [False] * (len(found) - 3)
    rows = features.mine(
        merge(judged()),
        [Facet(text="moon phases", type="mechanism", weight=1.0)],
        embed(["moon phases"]),
        embed,
        Background(CORPUS_SIZE, {}),
    )
    assert rows[0].holders() == []
    assert features.listed(rows[:1], analysis().competitors) == []


def test_phrases_are_embedded_in_one_batch() -> None:
    batches: list[int] = []

    def counting(texts: Sequence[str]) -> Vector:
        batches.append(len(texts))
        return embed(texts)

    entities = merge(judged())
    features.mine(entities, FACETS, facet_vectors(), counting, Background(CORPUS_SIZE, {}))
    assert len(batches) == 1
    assert 0 < batches[0] <= features.MAX_PHRASES


def line(sentence: str) -> Line:
    one = document("p", sentence)
    return features.lines(merge([(one, judgement(one))]))[0]


def topic(label: str) -> features.Topic:
    return features.Topic("id", label, (label,), (term(label),), embed([label])[0], 1.0, None)


def test_nearness_in_meaning_counts_only_in_plain_sentences() -> None:
    wanted = topic("frost warnings")
    assert judge_line(wanted, line("Warnings of frost.")).state == "present"
    near = line("Frost and hail warnings, frost charts and hail charts.")
    far = line("It prints charts.")
    assert judge_line(wanted, near).state == "present"
    assert judge_line(wanted, far).state == "unknown"


def test_a_complaint_is_no_proof_that_something_is_there() -> None:
    assert (
        judge_line(topic("harvest log"), line("Users complain that the harvest log is slow.")).state
        == "unknown"
    )
