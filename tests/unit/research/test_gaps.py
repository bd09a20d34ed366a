import math

import pytest

from research.analyst import features, gaps, players
from research.analyst.documents import Document
from research.analyst.judging import Judgement
from research.analyst.phrases import Background
from research.schemas import Facet, Gap
from tests.unit.research.market_fixture import (
    AS_OF,
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

Items = list[tuple[Document, Judgement]]


def found(items: Items, facets: list[Facet] = FACETS) -> dict[str, Gap]:
    """Gaps by label."""
    # The judge's picks refer to facets by place, which other facets than the market's would break.
    entities = players.merge([(one, judged_.model_copy(update={"quotes": ()})) for one, judged_ in items])
    vectors = facet_vectors(facets)
    competitors = players.players(entities, facets, vectors, AS_OF).competitors
    rows = features.mine(entities, facets, vectors, embed, Background(CORPUS_SIZE, frequencies(items)))
    return {gap.label: gap for gap in gaps.gaps(rows, entities, competitors)}


def long(count: int, sentence: str = "", weight: float = 0.9) -> Items:
    """Products described in twenty sentences, the last of which is the given one."""
    items = []
    for at in range(count):
        text = " ".join(["It is a garden planner."] * 19 + [sentence or "It is green."])
        one = document(f"p{at:02d}", text)
        items.append((one, judgement(one, weight=weight)))
    return items


def test_what_the_idea_asks_for_and_products_deny_is_a_gap() -> None:
    gap = {gap.label: gap for gap in analysis().gaps}["frost alerts"]
    assert gap.reasons[:3] == [
        "1 of 5 core products says it has this.",
        "The idea asks for it; it carries 35% of the idea's weight.",
        "2 core products say outright that it is not there.",
    ]
    assert [quote.role for quote in gap.evidence] == ["absence", "absence", "support"]


def test_the_numbers_follow_the_formulas() -> None:
    gap = {gap.label: gap for gap in analysis().gaps}["frost alerts"]
    sentences = {"plantwise": 8 + 2, "bedmaker": 7, "rootline": 6, "tendril": 6, "seedbox": 5}
    comp = {"plantwise": 1 - 0.3 * 0.3}
    described = {name: count / 20 * comp.get(name, 0.7) for name, count in sentences.items()}
    effective = sum(described.values())
    assert gap.supply == pytest.approx((described["plantwise"] + 0.5) / (effective + 1), abs=1e-4)
    assert gap.demand == pytest.approx(0.5 * 0.35 / 0.4 + 0.3 * 2 / 4, abs=1e-4)
    assert gap.opportunity == pytest.approx(gap.demand + gap.demand - gap.supply, abs=2e-4)
    assert gap.confidence == pytest.approx(1 - math.exp(-effective / 6), abs=1e-4)


def test_thin_evidence_makes_a_gap_unverified_and_names_pages_to_read() -> None:
    gap = {gap.label: gap for gap in analysis().gaps}["frost alerts"]
    assert gap.status == "unverified"
    assert {page.name for page in gap.to_read} == {"Rootline", "Seedbox"}


def test_a_well_described_market_makes_a_gap() -> None:
    gap = found(long(12))["frost alerts"]
    assert gap.confidence > gaps.MIN_CONFIDENCE
    assert (gap.status, gap.to_read) == ("gap", [])


def test_the_nearest_passage_stands_in_where_nobody_speaks_of_it() -> None:
    gap = found(long(12))["frost alerts"]
    assert {quote.role for quote in gap.evidence} == {"nearest"}
    assert gap.reasons[0] == "None of 12 core products says it has this."


@pytest.mark.parametrize("holders", [5, 12])
def test_a_facet_stated_by_a_third_of_the_market_is_no_gap(holders: int) -> None:
    items = [*long(holders, "It sends frost alerts."), *long(12)[holders:]]
    assert "frost alerts" not in found(items)


def test_few_holders_leave_a_gap() -> None:
    items = [*long(2, "It sends frost alerts."), *long(12)[2:]]
    assert found(items)["frost alerts"].reasons[0] == "2 of 12 core products say they have this."


def test_the_core_is_no_gap_while_anybody_has_it() -> None:
    assert "garden planner" not in found(long(12))
    assert "garden planner" not in {gap.label for gap in analysis().gaps}


def test_denied_features_that_the_idea_does_not_mention_are_gaps_too() -> None:
    gap = {gap.label: gap for gap in analysis().gaps}["soil sensor"]
    assert "2 core products say outright that it is not there." in gap.reasons
    assert "1 of these is gaining." in gap.reasons


def test_what_is_spared_is_not_missed() -> None:
    items = [*long(3, "It works without cookies."), *long(12)[3:]]
    assert not [label for label in found(items, FACETS[:1]) if "cookie" in label]


def test_complaints_about_a_topic_raise_its_demand() -> None:
    silent = [*long(2, "It has crop rotation."), *long(12)[2:]]
    loud = [*silent[:2], *long(5, "Users complain about clumsy crop rotation.")[2:], *silent[5:]]
    assert "crop rotation" not in found(silent)
    gap = found(loud)["crop rotation"]
    assert "Users of 3 core products complain about it." in gap.reasons
    assert "complaint" in {quote.role for quote in gap.evidence}


ASKED_TOGETHER = [*FACETS[:2], Facet(text="seed inventory", type="mechanism", weight=0.25)]


def seldom_together() -> Items:
    return [*long(5, "It sends frost alerts."), *long(10, "It has a seed inventory.")[5:], *long(12)[10:]]


def test_wishes_that_seldom_go_together_are_a_gap() -> None:
    gap = found(seldom_together(), ASKED_TOGETHER)["frost alerts together with seed inventory"]
    assert gap.reasons[0].endswith("but only 0 have both; by chance it would be 2.1.")
    assert [quote.role for quote in gap.evidence] == ["nearest", "nearest"]


def test_a_pair_with_what_nobody_asked_for_is_no_gap() -> None:
    assert not [label for label in found(seldom_together(), FACETS[:2]) if "together" in label]


def test_an_audience_gap_is_a_product_made_for_it() -> None:
    items = [*long(11), *[(one, judgement(one)) for one in [document("q", "It is made for farmers.")]]]
    gap = found(items, [FACETS[0], Facet(text="beekeepers", type="audience", weight=0.5)])[
        "made for beekeepers"
    ]
    assert gap.reasons[0] == "None of 12 core products says it is for them."
    assert [quote.text for quote in gap.evidence] == ["It is made for farmers."]


def test_one_product_lacking_something_is_no_white_space() -> None:
    some = [*long(2, "It has crop rotation."), *long(12)[2:]]
    one = [*some[:2], *long(3, "It has no crop rotation.")[2:], *some[3:]]
    two = [*some[:2], *long(4, "It has no crop rotation.")[2:], *some[4:]]
    assert "crop rotation" not in found(one)
    assert "crop rotation" in found(two)


def test_a_digest_counts_fully_with_fewer_sentences_than_a_page() -> None:
    def confidence(kind: str) -> float:
        text = " ".join(["It is a garden planner."] * 10)
        made = [document(f"p{at}", text, kind=kind) for at in range(6)]
        return found([(one, judgement(one, weight=0.9)) for one in made])["frost alerts"].confidence

    assert confidence("catalogue") == pytest.approx(1 - math.exp(-6 * 0.9 / 6), abs=1e-4)
    assert confidence("product page") == pytest.approx(1 - math.exp(-3 * 0.9 / 6), abs=1e-4)


def test_gaps_are_ranked_capped_and_proved() -> None:
    found_gaps = analysis().gaps
    assert len(found_gaps) <= gaps.MAX_GAPS
    assert [gap.opportunity for gap in found_gaps] == sorted(
        (gap.opportunity for gap in found_gaps), reverse=True
    )
    assert all(gap.evidence and gap.reasons for gap in found_gaps)


def test_where_nothing_fits_only_the_idea_itself_can_be_missing() -> None:
    some = [*long(1, "It has crop rotation."), *long(5, "It has no crop rotation.")[1:]]
    other = [(one, judged_.model_copy(update={"adjacent": True})) for one, judged_ in some]
    assert set(found(some)) == {"crop rotation", "frost alerts", "no cookies"}
    assert set(found(other)) == {"frost alerts", "no cookies"}


def test_an_empty_market_has_no_gaps() -> None:
    assert gaps.gaps([], [], []) == []
    assert found(judged("courier"), FACETS[1:2]) == {}
