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


@dataclass(frozen=True, slots=True)
class Match:
    """The kind, and the words by which it was recognised; without any it is the general kind."""

    archetype: Archetype
    words: tuple[str, ...]

    @property
    def is_recognised(self) -> bool:
        return bool(self.words)


def match(feature: Feature) -> Match:
    """The kind that scores best; only words of the feature's own label recognise one."""
    wanted = terms(feature)
    kinds = list(library.archetypes().values())
    scores = lexical.bm25(wanted, [kind.stems for kind in kinds], mean_length())
    best = max(range(len(kinds)), key=lambda place: (scores[place], -place))
    words = tuple(term for term in dict.fromkeys(lexical.terms(feature.label)) if term in kinds[best].stems)
    return Match(kinds[best], words) if words else Match(library.general(), ())


def terms(feature: Feature) -> dict[str, float]:
    """Stems with their weights: what the feature is called counts full, what is said of it a little."""
    said = [term for statement in feature.statements for term in lexical.terms(statement.text)]
    wanted = {**dict.fromkeys(said, SUPPORT_WEIGHT), **dict.fromkeys(lexical.terms(feature.label), 1.0)}
    return lexical.weighted(wanted, frequency(), len(library.archetypes()))


@lru_cache
def frequency() -> Counter[str]:
    """In how many kinds each stem occurs."""
    return Counter(stem for kind in library.archetypes().values() for stem in set(kind.stems))


@lru_cache
def mean_length() -> float:
    kinds = library.archetypes().values()
    return sum(len(kind.stems) for kind in kinds) / len(kinds)
