import pytest

from research.analyst import quality
from research.analyst.quality import FacetEvidence, Row, Source, score
from research.schemas import Quality

GOOD_ROWS = [Row(True, ("a.com", "b.com"))] * 4
GOOD_FACETS = [FacetEvidence(0.6, 2), FacetEvidence(0.4, 3)]
GOOD_SOURCES = [Source(f"{n}.com", 0.5, 1.0) for n in range(10)]


def good(
    *, sources: list[Source] = GOOD_SOURCES, degraded: list[str] | None = None, age: int | None = 10
) -> Quality:
    return score(
        rows=GOOD_ROWS,
        facets=GOOD_FACETS,
        sources=sources,
        understanding=1,
        degraded_stages=degraded or [],
        corpus_age_days=age,
    )


def test_weights_sum_to_one() -> None:
    assert sum(quality.WEIGHTS.values()) == pytest.approx(1)


def test_grounding_is_the_share_of_rows_with_a_quote() -> None:
    assert quality.grounding([Row(True, ()), Row(True, ()), Row(False, ()), Row(True, ())]) == 0.75


def test_coverage_needs_two_pieces_of_evidence_per_facet() -> None:
    facets = [FacetEvidence(0.5, 2), FacetEvidence(0.3, 1), FacetEvidence(0.2, 5)]
    assert quality.coverage(facets) == pytest.approx(0.7)


@pytest.mark.parametrize(
    ("domains", "expected"), [("aa", 0), ("ab", 0.5), ("abcd", 0.75), ("aaab", 1 - (9 + 1) / 16)]
)
def test_independence_falls_with_concentration(domains: str, expected: float) -> None:
    assert quality.independence([Source(domain, 1, 1) for domain in domains]) == pytest.approx(expected)


def test_freshness_is_weighted() -> None:
    assert quality.freshness([Source("a", 0.3, 1.0), Source("b", 0.1, 0.2)]) == pytest.approx(0.8)


def test_agreement_needs_two_domains() -> None:
    rows = [Row(True, ("a", "b")), Row(True, ("a", "a")), Row(True, ("a",)), Row(True, ())]
    assert quality.agreement(rows) == 0.25


def test_no_input_scores_nothing() -> None:
    found = score(rows=[], facets=[], sources=[], understanding=0)
    assert found.score == 0
    assert [part.value for part in found.parts] == [0] * 6


def test_weightless_sources_are_not_fresh() -> None:
    assert quality.freshness([Source("a", 0, 1.0)]) == 0


def test_the_score_is_the_weighted_sum() -> None:
    found = good()
    assert [(part.name, part.value, part.weight) for part in found.parts] == [
        ("grounding", 1, 0.25),
        ("coverage", 1, 0.2),
        ("independence", 0.9, 0.15),
        ("freshness", 1, 0.15),
        ("agreement", 1, 0.15),
        ("understanding", 1, 0.1),
    ]
    assert (found.score, found.caps) == (98.5, [])


def test_few_sources_cap_at_60() -> None:
    found = good(sources=GOOD_SOURCES[:7])
    assert (found.score, found.caps) == (60, ["fewer than 8 sources"])


def test_few_domains_cap_at_60() -> None:
    found = good(sources=[Source("abc"[n % 3], 1, 1) for n in range(9)])
    assert (found.score, found.caps) == (60, ["fewer than 4 domains"])


def test_a_degraded_stage_caps_at_70() -> None:
    found = good(degraded=["search", "judge", "judge"])
    assert (found.score, found.caps) == (70, ["degraded: judge, search"])


@pytest.mark.parametrize(("age", "expected"), [(None, 98.5), (180, 98.5), (181, 75)])
def test_an_old_corpus_caps_at_75(age: int | None, expected: float) -> None:
    assert good(age=age).score == expected


def test_the_lowest_cap_wins_and_all_are_named() -> None:
    found = good(sources=GOOD_SOURCES[:3], degraded=["judge"], age=400)
    assert found.score == 60
    assert found.caps == [
        "fewer than 8 sources",
        "fewer than 4 domains",
        "degraded: judge",
        "corpus older than 180 days",
    ]


def test_a_low_score_is_not_raised_to_its_cap() -> None:
    found = score(rows=[], facets=[], sources=GOOD_SOURCES[:1], understanding=0.5)
    assert found.score == 20
    assert found.caps == ["fewer than 8 sources", "fewer than 4 domains"]


@pytest.mark.parametrize(("fitting", "expected"), [(None, 98.5), (3, 98.5), (2, 40), (0, 40)])
def test_hardly_any_fitting_product_caps_at_40(fitting: int | None, expected: float) -> None:
    found = score(rows=GOOD_ROWS, facets=GOOD_FACETS, sources=GOOD_SOURCES, understanding=1, fitting=fitting)
    assert found.score == expected
    assert found.caps == (["fewer than 3 products fit the idea"] if expected == 40 else [])
