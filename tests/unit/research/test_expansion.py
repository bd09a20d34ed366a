"""Widening an idea by what known products write."""

from __future__ import annotations

from collections.abc import Sequence

from research.analyst import expansion
from research.analyst.expansion import Background
from research.analyst.lexical import terms

PRODUCTS = [
    terms("video meetings screen share record calls browser"),
    terms("video meetings conference rooms calls"),
    terms("recipe box families plan meals shopping list"),
    terms("recipe import from websites meals"),
]


def everywhere(wanted: Sequence[str]) -> dict[str, int]:
    return dict.fromkeys(wanted, 1)


def test_adds_what_the_nearest_products_share() -> None:
    wanted = dict.fromkeys(terms("face to face calls"), 1.0)
    wider = Background(PRODUCTS).widen(wanted, everywhere)
    added = set(wider) - set(wanted)
    assert set(terms("video meetings")) <= added
    assert added.isdisjoint(terms("recipe meals"))


def test_the_idea_keeps_its_own_weights_and_no_word_outweighs_it() -> None:
    wanted = dict.fromkeys(terms("calls"), 1.0)
    wider = Background(PRODUCTS).widen(wanted, everywhere)
    assert wider | wanted == wider
    assert all(weight <= expansion.WEIGHT for term, weight in wider.items() if term not in wanted)


def test_terms_that_the_corpus_lacks_are_not_added() -> None:
    wanted = dict.fromkeys(terms("calls"), 1.0)
    assert Background(PRODUCTS).widen(wanted, lambda found: {}) == wanted


def test_an_idea_that_no_product_knows_stays_as_it_is() -> None:
    wanted = {"zither": 1.0}
    assert Background(PRODUCTS).widen(wanted, everywhere) == wanted
    assert Background([]).widen(wanted, everywhere) == wanted


def test_the_order_of_the_idea_does_not_matter() -> None:
    background = Background(PRODUCTS)
    one = background.widen({"call": 1.0, "meal": 0.5}, everywhere)
    other = background.widen({"meal": 0.5, "call": 1.0}, everywhere)
    assert one == other
