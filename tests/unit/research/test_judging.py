import dataclasses
from collections.abc import Sequence
from datetime import date
from typing import Any

import pytest
from pydantic import ValidationError

from research.analyst import judging
from research.analyst.documents import Document
from research.analyst.judging import Features, Judgement, Pick, judge, relevance, unjudged
from research.schemas import CategoryGuess, Facet, Interpretation
from tests.unit.research.analyst_fakes import document, embed

TODAY = date(2026, 6, 30)
IDEA = "recipe manager for families"
FACETS = [
    Facet(text="recipe manager", type="core", weight=0.6),
    Facet(text="families", type="audience", weight=0.4),
]
TEXT = "A recipe manager. It suits families. It has tags."


def judged(
    documents: Sequence[Document], scores: dict[str, float] | None = None, **kwargs: Any
) -> list[Judgement]:
    interpretation = Interpretation(
        facets=FACETS,
        categories=[CategoryGuess(slug="recipes", probability=0.75)],
        understanding=1,
        queries=[IDEA],
    )
    vectors = embed([facet.text for facet in FACETS])
    return judge(interpretation, scores or {}, documents, embed([IDEA])[0], vectors, as_of=TODAY, **kwargs)


def one(found: Document, score: float = 0.8, **kwargs: Any) -> Judgement:
    return judged([found], {found.id: score}, **kwargs)[0]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("product page", 1), ("repository", 1), ("documentation", 1), ("registry", 0.9),
        ("encyclopedia", 0.9), ("catalogue", 0.9), ("news", 0.7), ("forum", 0.5), ("listicle", 0.3),
        ("dream", 0.5),
    ],
)  # fmt: skip
def test_authority(kind: str, expected: float) -> None:
    assert judging.authority(kind) == expected


@pytest.mark.parametrize(
    ("kind", "day", "expected"),
    [
        ("news", date(2026, 4, 1), 0.5),
        ("repository", date(2026, 1, 1), 0.5),
        ("product page", date(2025, 6, 30), 0.5),
        ("catalogue", date(2024, 6, 30), 0.5),
        ("product page", TODAY, 1.0),
        ("product page", date(2026, 12, 1), 1.0),
        ("product page", None, 0.4),
    ],
)
def test_freshness_halves_per_half_life(kind: str, day: date | None, expected: float) -> None:
    assert judging.freshness(kind, day, TODAY) == pytest.approx(expected)


def test_an_unknown_date_is_flagged() -> None:
    assert one(document("a", TEXT)).freshness_known is False
    assert one(document("a", TEXT, published_on=TODAY)).freshness_known is True


def test_copies_on_one_domain_share_their_independence() -> None:
    copies = [document(id_, TEXT, url=f"https://{id_}.site.example") for id_ in "ab"]
    other = document("c", "Invoices for small bakeries with bank import.", url="https://c.site.example")
    assert judging.independences([*copies, other]) == {"a": 0.5, "b": 0.5, "c": 1}


def test_the_same_words_on_two_domains_are_two_voices() -> None:
    assert judging.independences([document("a", TEXT), document("b", TEXT)]) == {"a": 1, "b": 1}


def test_evidence_weight() -> None:
    assert judging.evidence_weight(0.8, 0.5, 0.5, 0.5) == pytest.approx(0.8 * 0.75 * 0.7 * 0.5)


@pytest.mark.parametrize(
    ("features", "expected"),
    [
        (Features(0.2, 0.2, 0.0, 0.1, 0.02), 0.028),
        (Features(0.45, 0.5, 0.5, 0.4, 0.1), 0.512),
        (Features(0.7, 0.9, 0.8, 0.6, 0.5), 0.98),
    ],
)
def test_relevance_spreads_over_the_range_of_cosines(features: Features, expected: float) -> None:
    assert relevance(features) == pytest.approx(expected, abs=0.005)


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(Features)])
def test_relevance_rises_with_every_feature(name: str) -> None:
    features = Features(0.4, 0.4, 0.4, 0.4, 0.4)
    assert relevance(dataclasses.replace(features, **{name: 0.6})) > relevance(features)


def test_equal_scores_rank_by_id() -> None:
    assert judging.ranks({"b": 0.5, "a": 0.5, "c": 0.9}) == {"c": 1, "a": 2, "b": 3}


def test_overlap_is_weighted_by_facet() -> None:
    assert judging.overlap(FACETS, frozenset({"recip", "famili"})) == pytest.approx(0.6 / 2 + 0.4)


@pytest.mark.parametrize(
    ("facet", "expected"),
    [
        ("expense tracker", "expens"),
        ("web analytics tool", "analyt"),
        ("to-do list", "to-do"),
        ("tracker", "tracker"),
    ],
)
def test_the_head_says_what_a_facet_is_about(facet: str, expected: str) -> None:
    assert judging.head_stem(facet) == expected


def test_a_document_with_the_core_is_not_adjacent() -> None:
    assert one(document("a", TEXT)).adjacent is False


def test_a_head_word_opens_the_gate_without_a_cosine() -> None:
    found = document("a", "Recipes of many lands and seas and years and cooks and kitchens.")
    assert max(one(found).facet_cosines) < 0.5
    assert one(found).adjacent is False


def test_a_cosine_opens_the_gate_without_a_head_word() -> None:
    managers = document("a", "Manager.")
    assert one(managers).facet_cosines[0] == pytest.approx(0.7071, abs=1e-4)
    assert one(managers).adjacent is False


def test_cosines_of_other_embeddings_open_no_gate() -> None:
    assert one(document("a", "Manager."), core_cosine=None).adjacent is True


def test_adjacent_documents_lose_half_their_relevance() -> None:
    found = document("a", "Calendars suit families.", category="calendars")
    kept = judging.Features(**one(found).reasons)
    assert one(found).adjacent is True
    assert one(found).relevance == pytest.approx(relevance(kept) / 2, abs=1e-5)


@pytest.mark.parametrize(("category", "expected"), [("recipes", 0.75), ("crm", 0), (None, 0.5)])
def test_category_mass(category: str | None, expected: float) -> None:
    assert one(document("a", TEXT, category=category)).reasons["category"] == expected


def test_quotes_are_the_best_for_the_idea_then_for_facets() -> None:
    found = document("a", "It has tags. A recipe manager for families. It suits families.")
    quotes = one(found).quotes
    assert [(found.text[quote.start : quote.end], quote.facet) for quote in quotes] == [
        ("A recipe manager for families.", None),
        ("It suits families.", 1),
    ]
    assert quotes[0].cosine == pytest.approx(1)


def test_nearly_equal_passages_are_quoted_once() -> None:
    found = document("a", "A recipe manager for families.\nThe recipe manager, for families!")
    assert [(quote.start, quote.facet) for quote in one(found).quotes] == [(0, None)]


def test_at_most_four_quotes() -> None:
    facets = [
        Facet(text=word, type="core", weight=0.2) for word in ["one1", "two2", "three3", "four4", "five5"]
    ]
    interpretation = Interpretation(facets=facets, categories=[], understanding=0, queries=[])
    found = document("a", "Zero0. One1. Two2. Three3. Four4. Five5.")
    vectors = embed([facet.text for facet in facets])
    (result,) = judge(interpretation, {}, [found], embed(["zero0"])[0], vectors, as_of=TODAY)
    assert [quote.facet for quote in result.quotes] == [None, 0, 1, 2]


def test_a_document_without_passages_is_judged_by_its_vector() -> None:
    bare = dataclasses.replace(document("a", TEXT), passages=())
    result = one(bare)
    assert result.quotes == ()
    assert result.reasons["cosine"] > 0.5


def test_most_relevant_first_and_equals_by_id() -> None:
    documents = [document("b", TEXT), document("c", "Invoices."), document("a", TEXT)]
    results = judged(documents, {"a": 0.9, "b": 0.9, "c": 0.1})
    assert [result.document_id for result in results] == ["a", "b", "c"]


def test_weight_uses_every_part() -> None:
    result = one(document("a", TEXT, kind="news", published_on=date(2026, 4, 1)))
    assert result.weight == pytest.approx(result.relevance * 0.85 * 0.7, abs=1e-5)


def test_kept_starts_at_the_threshold() -> None:
    result = one(document("a", TEXT))
    assert result.model_copy(update={"relevance": 0.4}).kept is True
    assert result.model_copy(update={"relevance": 0.39}).kept is False


def test_a_judgement_survives_json() -> None:
    result = one(document("a", TEXT, published_on=TODAY))
    assert Judgement.model_validate_json(result.model_dump_json()) == result
    assert isinstance(Judgement.model_validate(result.model_dump(mode="json")).quotes[0], Pick)


def test_judgements_are_closed_and_frozen() -> None:
    result = one(document("a", TEXT))
    with pytest.raises(ValidationError):
        Judgement.model_validate({**result.model_dump(), "mood": 1})
    with pytest.raises(ValidationError):
        result.relevance = 1.0


def test_no_documents() -> None:
    assert judged([]) == []


def test_unjudged_keeps_retrieval_scores() -> None:
    found = [document("a", TEXT), document("b", TEXT)]
    results = unjudged({"b": 0.7}, found)
    assert [(result.document_id, result.relevance) for result in results] == [("b", 0.7), ("a", 0)]
    assert results[0].weight == pytest.approx(0.7 * 0.75 * 0.64)
    assert (results[0].adjacent, results[0].freshness_known, results[0].independence) == (False, False, 1)
    assert [quote.start for quote in results[0].quotes] == [0, 18, 37]


def fits(*relevances: float, adjacent: bool = True, cosine: float = 0.5) -> list[str]:
    """The fit of each judgement after the nearest ones were let in."""
    base = one(document("a", TEXT))
    found = [
        base.model_copy(
            update={
                "document_id": str(at),
                "relevance": value,
                "adjacent": adjacent,
                "fit": "direct",
                "reasons": {**base.reasons, "cosine": cosine},
            }
        )
        for at, value in enumerate(relevances)
    ]
    return [judged.fit for judged in judging._with_loose(found, judging.LOOSE_COSINE)]


def test_where_hardly_anything_is_kept_the_nearest_are_kept_loosely() -> None:
    assert fits(0.5, 0.3, 0.2, 0.1) == ["direct", "loose", "loose", "direct"]
    assert fits(0.39, 0.3, 0.3, 0.2, 0.2, 0.2) == ["loose"] * 5 + ["direct"]


def test_enough_kept_products_need_no_loose_ones() -> None:
    assert fits(0.5, 0.5, 0.5, 0.3) == ["direct"] * 4


def test_what_is_far_in_meaning_is_not_even_loose() -> None:
    assert fits(0.3, 0.3, cosine=0.34) == ["direct", "direct"]


def test_a_loose_judgement_is_kept_and_adjacent() -> None:
    (found,) = judging._with_loose([one(document("a", TEXT)).model_copy(update={"relevance": 0.2})], 0.1)
    assert (found.kept, found.adjacent, found.fit) == (True, True, "loose")


@pytest.mark.parametrize(
    ("category", "expected"), [("recipes", "member"), ("crm", "direct"), (None, "direct")]
)
def test_products_of_a_clear_market_are_members(category: str | None, expected: str) -> None:
    found = one(document("a", TEXT, category=category))
    assert found.fit == expected
    assert found.model_copy(update={"relevance": 0.2}).kept is (expected == "member")


def test_adjacent_products_are_no_members() -> None:
    assert one(document("a", "Calendars suit families.", category="recipes")).fit == "direct"


def test_a_shared_name_is_not_the_core() -> None:
    found = document("a", "Recipe is a build server. Recipe runs tests.", name="Recipe")
    assert one(found).adjacent is True
    assert one(document("a", "Recipe keeps recipes of families.", name="Recipe")).adjacent is False


@pytest.mark.parametrize(
    ("words", "expected"),
    [("desk", True), ("customer support help", True), ("customer support", False), ("help", False)],
)
def test_the_core_is_its_head_or_most_of_its_words(words: str, expected: bool) -> None:
    stems = frozenset({"custom", "support", "help", "desk"} & set(judging.text.stems(words)))
    assert judging.says_core("customer support help desk", stems) is expected


@pytest.mark.parametrize("core", ["Mealbox", "mealbox alternative"])
def test_an_idea_named_after_a_product_asks_for_its_market(core: str) -> None:
    facets = [Facet(text=core, type="core", weight=1.0)]
    interpretation = Interpretation(facets=facets, categories=[], understanding=1, queries=[core])
    documents = [
        document("mealbox", "It plans dinners.", category="recipes"),
        document("rival", "It plans lunches.", category="recipes"),
        document("deals", "It plans sales.", category="crm"),
    ]
    vectors = embed([core])
    found = judge(interpretation, {}, documents, vectors[0], vectors, as_of=TODAY)
    assert {judged.document_id for judged in found if not judged.adjacent} == {"mealbox", "rival"}
