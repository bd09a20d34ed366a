"""Which kind of feature a feature is, by the retrieval that research finds products with."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache

from buildgraphs import library
from buildgraphs.library import Archetype
from buildgraphs.schemas import Feature
from research.analyst import lexical

SUPPORT_WEIGHT = 0.15  # of a word that only stands in what others say about the feature
CLAUSE_WEIGHT = 0.5  # of what comes after "with", "from" and the like
PHRASE_WEIGHT = 3.0  # two words together


@dataclass(frozen=True, slots=True)
class Match:
    """The kind, and the words by which it was recognised; without any it is the general kind."""

    archetype: Archetype
    words: tuple[str, ...]

    @property
    def is_recognised(self) -> bool:
        return bool(self.words)


def match(feature: Feature) -> Match:
    """Of the kinds that the feature's own label names, the one that scores best."""
    return matched(feature.label, tuple(statement.text for statement in feature.statements))


@lru_cache(maxsize=4096)
def matched(label: str, said: tuple[str, ...]) -> Match:
    own = named(label)
    kinds = [kind for kind in library.archetypes().values() if own.keys() & set(kind.vocabulary)]
    if not kinds:
        return Match(library.general(), ())
    told = dict.fromkeys((term for text in said for term in library.terms(text)), SUPPORT_WEIGHT)
    weights = lexical.weighted({**told, **own}, frequency(), len(library.archetypes()))
    scores = lexical.bm25(weights, [kind.vocabulary for kind in kinds], mean_length())
    best = max(range(len(kinds)), key=lambda place: (scores[place] * kinds[place].weight, -place))
    return Match(kinds[best], tuple(term for term in own if term in kinds[best].vocabulary))


def named(label: str) -> dict[str, float]:
    """The terms of a label with their weights: what it is counts more than with what or from where."""
    core = set(library.terms(lexical.core_phrase(label)))
    return {
        term: (PHRASE_WEIGHT if " " in term else 1.0) * (1.0 if term in core else CLAUSE_WEIGHT)
        for term in library.terms(label)
        if term not in lexical.BOILERPLATE
    }


@lru_cache
def frequency() -> Counter[str]:
    """In how many kinds each term occurs."""
    return Counter(term for kind in library.archetypes().values() for term in kind.vocabulary)


@lru_cache
def mean_length() -> float:
    kinds = library.archetypes().values()
    return sum(len(kind.vocabulary) for kind in kinds) / len(kinds)
