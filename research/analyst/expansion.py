"""More words for an idea: what products that we know write about themselves in its market.

"Let teams meet face to face" shares no word with "video conferencing", but the background's products
that fit it best do. It is the relevance model of Lavrenko and Croft (RM3), estimated on texts written
for it instead of on the corpus that is searched, whose one-line descriptions would drift away.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from research.analyst import lexical

NEAREST = 10  # products that speak for the market
TERMS = 20  # the most telling ones, of which the idea may have some already
# The best added term counts as much as a qualifier of the idea, the others less.
WEIGHT = 0.5

Frequencies = Callable[[Sequence[str]], Mapping[str, int]]


class Background:
    """Products by their terms."""

    def __init__(self, products: Sequence[Sequence[str]]) -> None:
        self._products = products
        self._terms = [frozenset(product) for product in products]
        self._frequency = Counter(term for terms in self._terms for term in terms)
        self._mean_length = sum(map(len, products)) / max(len(products), 1)

    def widen(self, wanted: Mapping[str, float], frequencies: Frequencies) -> dict[str, float]:
        """The wanted terms and those that the nearest products share, if the searched corpus has them."""
        salience = self._salience(self._nearest(wanted))
        usable = [term for term in salience if term not in lexical.GENERIC]
        known = frequencies(usable)
        best = sorted((term for term in usable if known.get(term)), key=lambda term: (-salience[term], term))
        top = salience[best[0]] if best else 1.0
        added = {term: WEIGHT * salience[term] / top for term in best[:TERMS] if term not in wanted}
        return {**wanted, **added}

    def _nearest(self, wanted: Mapping[str, float]) -> dict[int, float]:
        """The products that fit the terms best, with their shares of the score; none without a match."""
        weights = lexical.weighted(wanted, self._frequency, len(self._products))
        scores = lexical.bm25(weights, self._products, self._mean_length)
        best = [row for row in np.argsort(-scores, kind="stable")[:NEAREST].tolist() if scores[row] > 0]
        total = sum(scores[row] for row in best)
        return {row: float(scores[row] / total) for row in best}

    def _salience(self, shares: Mapping[int, float]) -> dict[str, float]:
        """Per term, the shares of the products that hold it, times its rarity among all products."""
        held: dict[str, float] = {}
        for row, share in shares.items():
            for term in self._terms[row]:
                held[term] = held.get(term, 0.0) + share
        count = len(self._products)
        return {term: share * float(np.log(count / self._frequency[term])) for term, share in held.items()}
