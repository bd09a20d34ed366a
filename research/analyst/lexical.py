"""The lexical half of retrieval: an idea's terms, their weights, and BM25 scores of products."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from research.analyst import text

# Where the name of the thing ends and its audience, means or limits begin.
CLAUSE_END = re.compile(
    r"\b(?:for|that|which|who|where|with|without|by|to|from|so|on|using|(?<!-)based)\b|[,.;:()]"
)
# Half the products of any catalogue claim these, so they say nothing about a market.
BOILERPLATE = frozenset(
    text.stems(
        "self hosted self-hosted hosting host open source open-source free alternative based simple easy"
    )
) | frozenset(text.stems("use used user users using"))
# A phrase made of these alone ("an app", "a web platform") does not name a market yet.
GENERIC = frozenset(
    text.stems("app application tool platform software service system site website page server product")
) | frozenset(text.stems("solution program suite web mobile online place way thing"))

# Characters in which an idea has said what it is. Every clause of them is read again with the next.
BEGINNING = 600
# An idea says what the thing is and then qualifies it; the qualifiers count half.
QUALIFIER_WEIGHT = 0.5
# The usual constants of Robertson and Zaragoza; results hardly depend on them.
SATURATION = 1.2
LENGTH_NORM = 0.75


def terms(content: str) -> list[str]:
    """Stemmed content words that can tell one market from another, in order."""
    return [stem for stem in text.stems(content) if stem not in BOILERPLATE]


def core_phrase(idea: str) -> str:
    """What the idea is, without for whom, with what and under which limits.

    "A time tracker for consultants that writes invoices" -> "A time tracker". The phrase grows clause
    by clause until it names more than "an app"; an idea that never does, or not where it begins, is its own
    core.
    """
    for end in CLAUSE_END.finditer(idea.lower(), 0, BEGINNING):
        phrase = idea[: end.start()].strip()
        if any(term not in GENERIC for term in terms(phrase)):
            return phrase
    return idea


def idea_terms(idea: str) -> dict[str, float]:
    """The idea's terms, those of its core phrase at full weight."""
    core = set(terms(core_phrase(idea)))
    return {term: 1.0 if term in core else QUALIFIER_WEIGHT for term in terms(idea)}


def weighted(wanted: Mapping[str, float], frequency: Mapping[str, int], documents: int) -> dict[str, float]:
    """The terms that occur at all, weighted by their rarity in the corpus."""
    return {
        term: weight * float(np.log1p((documents - frequency[term] + 0.5) / (frequency[term] + 0.5)))
        for term, weight in sorted(wanted.items())
        if frequency.get(term)
    }


def bm25(
    weights: Mapping[str, float], documents: Sequence[Sequence[str]], mean_length: float
) -> npt.NDArray[np.float64]:
    """One BM25 score per document (a list of stems); `weights` already hold each term's rarity."""
    return np.array([_score(weights, stems, mean_length) for stems in documents], dtype=np.float64)


def _score(weights: Mapping[str, float], stems: Sequence[str], mean_length: float) -> float:
    norm = SATURATION * (1 - LENGTH_NORM + LENGTH_NORM * len(stems) / max(mean_length, 1.0))
    counts = Counter(stem for stem in stems if stem in weights)
    return sum(weights[term] * count * (SATURATION + 1) / (count + norm) for term, count in counts.items())
