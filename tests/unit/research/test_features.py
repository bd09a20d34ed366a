from collections.abc import Sequence
from typing import Any

import pytest

from research.analyst import features
from research.analyst.documents import Vector
from research.analyst.features import judge_line
from research.analyst.lines import Line, lines
from research.analyst.phrases import MAX_PHRASES, Background
from research.analyst.players import merge
from research.analyst.reading import term
from research.schemas import Facet, Feature
from tests.unit.research.market_fixture import (
    CORPUS_SIZE,
    FACETS,
    analysis,
    document,
    embed,
    facet_vectors,
    judged,
    judgement,
)


def by_label() -> dict[str, Feature]:
    return {feature.label: feature for feature in analysis().features}


def states(feature: Feature) -> dict[str, str]:
    """State by product name."""
    names = {row.id: row.name for row in analysis().competitors}
    return {names[cell.competitor_id]: cell.state for cell in feature.cells}


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
    found = lines(merge([(one, judgement(one))]))
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
    assert 0 < batches[0] <= MAX_PHRASES


def line(sentence: str) -> Line:
    one = document("p", sentence)
    return lines(merge([(one, judgement(one))]))[0]


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


def test_a_wish_is_found_without_its_verb_and_praise() -> None:
    wish = Facet(text="stores plain seed inventory", type="mechanism", weight=1.0)
    (row, *_) = features.mine(merge(judged()), [wish], embed([wish.text]), embed, Background(CORPUS_SIZE, {}))
    assert len(row.holders()) >= 3


@pytest.mark.parametrize(
    ("key", "type_", "expected"),
    [
        ("space repetit", "mechanism", True),
        ("space repetit", "core", False),
        ("repetit", "mechanism", False),
        ("space repetit card", "mechanism", False),
        ("space repetit flashcard", "core", True),
    ],
)
def test_all_but_one_of_three_words_say_the_same(key: str, type_: Any, expected: bool) -> None:
    facet = Facet(text="spaced repetition flashcards", type=type_, weight=1.0)
    assert features._says_same(tuple(key.split()), facet) is expected
