from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from research.analyst import players
from research.analyst.documents import Document
from research.analyst.judging import Judgement
from research.analyst.players import Entity, merge, scoped, standings
from research.analyst.text import registrable_domain
from research.schemas import CategoryGuess, Competitor
from tests.unit.research.market_fixture import (
    AS_OF,
    FACETS,
    GARDENS,
    document,
    facet_vectors,
    judged,
    judgement,
)

Judged = list[tuple[Document, Judgement]]


def rows(items: Judged) -> dict[str, Competitor]:
    """Competitors by name."""
    found = players.players(merge(items), FACETS, facet_vectors(), AS_OF)
    return {row.name: row for row in found.competitors}


def plain(id: str, text: str = "", **changes: Any) -> tuple[Document, Judgement]:
    """A judged product with one sentence, for markets made of numbers."""
    one = document(id, text or f"{id.title()} is a garden planner.", domain=f"{id}.example", **changes)
    return one, judgement(one)


def months(counts: list[int], last: date = AS_OF) -> dict[str, int]:
    """Commits by month, the last one in the month of `last`."""
    end = last.year * 12 + last.month - 1
    numbers = range(end - len(counts) + 1, end + 1)
    return {
        f"{number // 12}-{number % 12 + 1:02d}": count for number, count in zip(numbers, counts, strict=True)
    }


# --- Merging -----------------------------------------------------------------------------------


def test_sources_of_one_site_are_one_product() -> None:
    (entity,) = merge(judged("plantwise", "plantwise-news"))
    assert [source.id for source, _ in entity.sources] == ["plantwise", "plantwise-news"]
    assert entity.relevance == pytest.approx(1 - 0.3 * 0.3)


def test_a_site_of_a_vendor_can_hold_several_products() -> None:
    books = document("a", "x", name="Zoho Books", domain="zoho.com", category="accounting")
    crm = document("b", "x", name="Zoho CRM", domain="zoho.com", category="crm")
    page = document("c", "x", name="Pricing", domain="zoho.com", category=None)
    assert len(merge([(books, judgement(books)), (crm, judgement(crm))])) == 2
    assert len(merge([(books, judgement(books)), (page, judgement(page))])) == 1


@pytest.mark.parametrize(
    ("kind", "address"),
    [
        ("encyclopedia", "https://en.wikipedia.org/wiki/"),
        ("encyclopedia", "https://www.britannica.com/technology/"),
        ("product page", "https://en.wikipedia.org/wiki/"),
        ("registry", "https://crates.io/crates/"),
        ("registry", "https://rubygems.org/gems/"),
        ("registry", "https://packagist.org/packages/acme/"),
        ("registry", "https://www.npmjs.com/package/@acme/"),
        ("registry", "https://flathub.org/en/apps/"),
        ("registry", "https://addons.mozilla.org/en-US/firefox/addon/"),
    ],
)
def test_sites_that_tell_of_everybody_make_no_product(kind: str, address: str) -> None:
    both = [
        (replace(one, kind=kind, category=None, domain=registrable_domain(f"{address}{one.id}")), its)
        for one, its in (plain("evernote"), plain("joplin"))
    ]
    assert {entity.name for entity in merge(both)} == {"Evernote", "Joplin"}
    own_site = plain("z", name="Joplin")
    (joplin,) = [entity for entity in merge([*both, own_site]) if entity.name == "Joplin"]
    assert len(joplin.sources) == 2


@pytest.mark.parametrize(
    ("left", "right", "products"),
    [
        ("Plan to Eat", "Plan To Eat!", 1),
        ("Paprika Recipe Manager", "Paprika Recipes Manager", 1),
        ("Mealie", "Mealime", 2),
        ("Simple Analytics", "Sample Analytics", 2),
    ],
)
def test_nearly_equal_names_are_one_product_but_brands_one_letter_apart_are_not(
    left: str, right: str, products: int
) -> None:
    assert len(merge([plain("a", name=left), plain("b", name=right)])) == products


def test_equal_names_in_different_categories_are_different_products() -> None:
    assert (
        len(merge([plain("a", name="Atlas", category="maps"), plain("b", name="Atlas", category="crm")])) == 2
    )


def test_the_order_of_the_input_does_not_matter() -> None:
    forwards, backwards = merge(judged()), merge(list(reversed(judged())))
    assert [entity.id for entity in forwards] == [entity.id for entity in backwards]
    assert [entity.lead.id for entity in forwards] == [entity.lead.id for entity in backwards]


def test_a_short_name_is_learnt_from_its_own_sentences() -> None:
    text = "Loop Tracker is an app. Loop counts days. Loop shows charts."
    (entity,) = merge([plain("loop", text, name="Loop Tracker")])
    assert entity.names == ("Loop Tracker", "Loop")


def test_a_vendor_name_is_no_short_name() -> None:
    text = "Google Keep is an app. Google stores notes. Google syncs them."
    (entity,) = merge([plain("keep", text, name="Google Keep")])
    assert entity.names == ("Google Keep",)


# --- Naming one another ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sentence", "is_vote"),
    [
        ("It is an alternative to Plantwise.", True),
        ("Plotter vs Plantwise is a common question.", True),
        ("It is often compared with Plantwise.", True),
        ("Many growers switched from Plantwise.", True),
        ("Unlike Plantwise, it is free.", True),
        ("It competes with Plantwise.", True),
        ("It is a Plantwise competitor in price, and a Plantwise alternative.", True),
        ("It is an alternative to Excel, Notion and Plantwise.", True),
        ("It is an alternative to Salt and Pepper, Bed and Row, Notion, or Plantwise.", True),
        ("It exports plans to Plantwise.", False),
    ],
)
def test_comparisons_are_votes_and_other_namings_are_mentions(sentence: str, is_vote: bool) -> None:
    entities = merge([*judged("plantwise"), plain("plotter", f"Plotter is a planner. {sentence}")])
    (mention,) = players.mentions(entities)
    assert mention.vote is is_vote
    assert mention.relevance == 0.8


def test_a_product_does_not_vote_for_itself() -> None:
    assert players.mentions(merge(judged("plantwise"))) == []


def test_a_word_that_opens_a_sentence_is_no_product() -> None:
    things = plain("things", name="Things")
    other = plain("other", "Other is a planner. Things get done with it.")
    assert players.mentions(merge([things, other])) == []


# --- Stages ------------------------------------------------------------------------------------


def test_the_stages_of_the_market() -> None:
    stages = {name: row.stage for name, row in rows(judged()).items()}
    assert stages == {
        "Plantwise": "incumbent",
        "Bedmaker": "incumbent",
        "Seedbox": "emerging",
        "Rootline": "established niche",
        "Tendril": "established niche",
        "Courier": "established niche",
    }


def test_two_independent_votes_make_an_incumbent_of_a_young_product() -> None:
    market = [
        plain("young", founded=2025),
        plain("one", "One is an alternative to Young.", founded=2001),
        plain("two", "Two is compared with Young.", founded=2002),
        plain("three", founded=2003),
    ]
    found = rows(market)
    assert found["Young"].why["independent_votes"] == 2
    assert found["Young"].stage == "incumbent"


def test_an_adjacent_product_is_never_an_incumbent() -> None:
    courier = rows(judged())["Courier"]
    assert courier.scale >= players.INCUMBENT_SCALE
    assert courier.stage == "established niche"


def test_products_of_an_unlikely_category_are_adjacent() -> None:
    entities = merge([plain(name) for name in "abc"] + [plain("d", category="parcels")])
    guesses = [
        CategoryGuess(slug=GARDENS, probability=0.6),
        CategoryGuess(slug="parcels", probability=0.1),
    ]
    assert [entity.name for entity in scoped(entities, guesses) if entity.adjacent] == ["D"]
    few = merge([plain("a"), plain("b"), plain("d", category="parcels")])
    assert not any(entity.adjacent for entity in scoped(few, guesses))


@pytest.mark.parametrize("founded", [[None] * 4, [2019] * 4, [2001, None, None, None]])
def test_a_market_of_three_always_has_an_incumbent(founded: list[int | None]) -> None:
    market = [plain(f"p{at}", founded=year) for at, year in enumerate(founded)]
    assert "incumbent" in {row.stage for row in rows(market).values()}


def test_the_oldest_lead_when_only_years_are_known() -> None:
    years = [1999, 2005, 2010, 2012, 2013, 2015, 2016, 2018, 2020, 2025]
    found = rows([plain(f"p{at}", founded=year) for at, year in enumerate(years)])
    incumbents = [row.founded for row in found.values() if row.stage == "incumbent"]
    assert sorted(year for year in incumbents if year) == years[:4]
    assert found["P9"].stage == "emerging"


def test_stars_alone_cannot_make_an_incumbent_beside_other_inputs() -> None:
    stars = [90000, 10, 20, 30, 40]
    years = [2024, 2001, 2002, 2003, 2004]
    market = [plain(f"p{at}", founded=years[at], facts={"stars": stars[at]}) for at in range(len(stars))]
    assert rows(market)["P0"].stage == "emerging"


def test_where_only_stars_are_known_the_top_fifth_are_incumbents() -> None:
    market = [plain(f"p{at:02d}", facts={"stars": 3**at}) for at in range(10)]
    incumbents = {name for name, row in rows(market).items() if row.stage == "incumbent"}
    assert incumbents == {"P08", "P09"}


def test_growth_without_youth_makes_emerging() -> None:
    counts = [[10] * 12, [10] * 12, [10] * 12, [1] * 6 + [40] * 6, [9] * 12]
    market = [
        plain(f"p{at}", founded=2005 + at, facts={"commits_by_month": months(commits)})
        for at, commits in enumerate(counts)
    ]
    found = rows(market)
    assert found["P3"].stage == "emerging"
    assert found["P3"].momentum > players.GAINING > found["P4"].momentum


def test_a_gaining_product_that_stopped_is_not_emerging() -> None:
    stopped = plain("p0", founded=2025, facts={"commits_by_month": months([5] * 4 + [0] * 8)})
    market = [stopped, *(plain(f"p{at}", founded=2000 + at) for at in range(1, 5))]
    assert rows(market)["P0"].stage == "established niche"


def activity(**facts: Any) -> players.Activity:
    (entity,) = merge([plain("p", facts=facts)])
    return players.activity(entity, AS_OF)


@pytest.mark.parametrize(
    ("facts", "active", "fading"),
    [
        ({}, True, False),
        ({"archived": True}, False, True),
        ({"commits_by_month": months([3] * 12)}, True, False),
        ({"commits_by_month": months([3] * 4 + [0] * 8)}, False, False),
        ({"commits_by_month": months([0] * 12)}, False, True),
        ({"commits_by_month": months([0] * 12), "released_on": "2026-10-01"}, True, False),
        ({"released_on": "2025-01-31"}, False, True),
        ({"commits_by_month": months([3] * 12, date(2026, 3, 1))}, True, False),
    ],
)
def test_activity(facts: dict[str, Any], active: bool, fading: bool) -> None:
    found = activity(**facts)
    assert (found.active, found.fading) == (active, fading)


def test_growth_compares_two_half_years() -> None:
    assert activity(commits_by_month=months([1] * 6 + [2] * 6)).growth == pytest.approx(0.619, abs=1e-3)
    assert activity(commits_by_month=months([2] * 6)).growth is None


def test_a_fading_product_is_no_competitor() -> None:
    entities = merge(judged())
    found = players.players(entities, FACETS, facet_vectors(), AS_OF)
    assert [entity.name for entity, _ in found.fading] == ["Mossy"]
    assert "Mossy" not in {row.name for row in found.competitors}


# --- Rows --------------------------------------------------------------------------------------


def test_threat_and_its_inputs() -> None:
    row = rows(judged())["Plantwise"]
    assert row.threat == pytest.approx(row.relevance * (0.6 * row.scale + 0.4 * row.momentum), abs=1e-4)
    assert row.why["inputs"]["mentions"] == 3
    assert row.why["rule"] == "3 products name it as the alternative"


def test_each_stage_is_sorted_by_threat_and_capped() -> None:
    market = [plain(f"p{at:02d}", founded=1990 + at) for at in range(40)]
    found = players.players(merge(market), FACETS, facet_vectors(), AS_OF).competitors
    incumbents = [row for row in found if row.stage == "incumbent"]
    assert len(incumbents) == players.MAX_PER_STAGE
    assert [row.threat for row in incumbents] == sorted((row.threat for row in incumbents), reverse=True)


def test_the_first_quote_says_what_the_product_is() -> None:
    row = rows(judged())["Rootline"]
    assert row.evidence[0].text == "Rootline is a garden planner that competes with Plantwise."
    assert 1 <= len(row.evidence) <= 3


def test_a_document_without_passages_still_proves_its_product() -> None:
    bare = replace(document("p", "Patch"), passages=())
    entity: Entity = merge([(bare, judgement(bare))])[0]
    assert players.identity_quote(entity, FACETS, facet_vectors()).text == "Patch"


def test_nothing_relevant_gives_no_players() -> None:
    assert players.players([], FACETS, facet_vectors(), AS_OF).competitors == []
    assert standings([], AS_OF) == {}


# --- Youth as momentum -------------------------------------------------------------------------


def by_year(*years: int | None, **changes: Any) -> dict[str, Competitor]:
    """Competitors founded in these years, by year."""
    found = rows([plain(f"p{at}", founded=year, **changes) for at, year in enumerate(years)])
    return {str(row.founded): row for row in found.values()}


def test_without_activity_relative_youth_stands_in_for_momentum() -> None:
    found = by_year(2000, 2005, 2010, 2019, 2021)
    assert found["2021"].why["momentum_basis"] == "youth"
    assert found["2021"].momentum == pytest.approx(0.9)
    assert (found["2021"].stage, found["2019"].stage) == ("emerging", "emerging")
    assert "from youth" in found["2021"].why["rule"]


def test_old_products_are_no_challengers_however_young_the_others_are_not() -> None:
    found = by_year(1990, 1995, 2000, 2010, 2015)
    assert {row.why["momentum_basis"] for row in found.values()} == {"nothing known"}
    assert {row.momentum for row in found.values()} == {0.5}
    assert "emerging" not in {row.stage for row in found.values()}


def test_an_unknown_year_is_no_youth() -> None:
    found = by_year(None, 2000, 2021)
    assert found["None"].momentum == 0.5


def test_products_of_one_age_are_not_younger_than_each_other() -> None:
    assert {row.momentum for row in by_year(2021, 2021, 2021).values()} == {0.5}


def test_with_activity_youth_does_not_count() -> None:
    facts = {"commits_by_month": months([5] * 12)}
    found = by_year(2000, 2005, 2010, 2019, 2021, facts=facts)
    assert {row.why["momentum_basis"] for row in found.values()} == {"growth"}
    assert {row.momentum for row in found.values()} == {0.5}


def test_a_named_challenger_is_still_an_incumbent() -> None:
    items = [plain("young", founded=2024, name="Young")]
    items += [
        plain(f"p{at}", f"P{at} is a garden planner, an alternative to Young.", founded=2000 + at)
        for at in range(4)
    ]
    assert rows(items)["Young"].stage == "incumbent"


def test_a_loosely_related_product_says_so() -> None:
    loose = [
        (one, judged_.model_copy(update={"fit": "loose", "adjacent": True, "relevance": 0.21}))
        for one, judged_ in [plain("a"), plain("b")]
    ]
    found = rows(loose)["A"]
    assert (found.stage, found.why["loose"]) == ("established niche", True)
    assert found.why["rule"] == "loosely related: its relevance is only 0.21"


def test_reports_join_the_product_that_their_headline_names_and_found_none() -> None:
    product = plain("mealie", name="Mealie")
    told = plain("told", name="Mealie gets a new owner", kind="news")
    listed = plain("listed", name="10 best garden planners", kind="listicle")
    own = document("own", "Mealie grows.", name="Release notes", domain="mealie.example", kind="news")
    entities = merge([told, product, listed, (own, judgement(own))])
    assert [entity.name for entity in entities] == ["Mealie"]
    assert {source.id for source, _ in entities[0].sources} == {product[0].id, told[0].id, own.id}
