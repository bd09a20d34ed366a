"""Which feature has to be there before which: from words where they say so, else from their kinds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice, permutations
from typing import Literal

from research.analyst.deep import archetypes
from research.analyst.text import sentences, stem, tokens
from research.analyst.text import stems as stems_of
from research.schemas_features import Dependency, FeatureStudy, SetAside

# "A from B" needs B, "B into A" as well.
_NEEDS_AFTER = re.compile(
    r"\b(?:from|based on|out of|using|on top of|depends on|derived from)\b", re.IGNORECASE
)
_NEEDS_BEFORE = re.compile(r"\b(?:into|onto|becomes?|turns? to|feeds?|generates?|produces?)\b", re.IGNORECASE)
MAX_BETWEEN = 60  # characters; farther apart, two names have little to do with each other
MAX_PLACES = 8  # of one name in one sentence; one that is repeated more often says nothing more


@dataclass(frozen=True, slots=True)
class Edge:
    """`feature` needs `on`; numbers in the list of studies."""

    feature: int
    on: int
    basis: Literal["explicit", "derived"]
    reason: str


def between(studies: Sequence[FeatureStudy], idea: str) -> tuple[dict[int, list[Edge]], list[SetAside]]:
    """Dependencies without circles, by feature, and those set aside because they would close one.

    Stronger ones are taken first: words, then names, then kinds. A feature has one reason for needing
    another, the first that is found.
    """
    kept: dict[int, list[Edge]] = {number: [] for number in range(len(studies))}
    aside: list[SetAside] = []
    for edge in distinct(chain(explicit(studies, idea), by_name(studies), derived(studies))):
        if reaches(kept, edge.on, edge.feature):
            first, second = studies[edge.feature], studies[edge.on]
            reason = f"{edge.reason} But {second.name} already comes after {first.name}."
            aside.append(SetAside(feature_id=first.id, on=second.id, reason=reason))
        else:
            kept[edge.feature].append(edge)
    return kept, aside


def distinct(edges: Iterable[Edge]) -> list[Edge]:
    """The first of each pair of features."""
    first: dict[tuple[int, int], Edge] = {}
    for edge in edges:
        first.setdefault((edge.feature, edge.on), edge)
    return list(first.values())


def reaches(kept: dict[int, list[Edge]], start: int, goal: int) -> bool:
    """Whether one feature needs another, directly or through others; itself always."""
    waiting, seen = [start], {start}
    while waiting:
        number = waiting.pop()
        if number == goal:
            return True
        new = {edge.on for edge in kept[number]} - seen
        seen |= new
        waiting.extend(new)
    return False


def as_rows(edges: Sequence[Edge], studies: Sequence[FeatureStudy]) -> list[Dependency]:
    return [Dependency(on=studies[edge.on].id, basis=edge.basis, reason=edge.reason) for edge in edges]


# --- From words ----------------------------------------------------------------------------------


def explicit(studies: Sequence[FeatureStudy], idea: str) -> Iterator[Edge]:
    """What the idea says, then what the quoted sentences of products say."""
    for span in sentences(idea):
        yield from _in_sentence(studies, span.text, "The idea says so: ")
    for study in studies:
        for row in study.implementations:
            for quote in row.evidence:
                yield from _in_sentence(studies, quote.text, f"{row.product} does it so: ")


def _in_sentence(studies: Sequence[FeatureStudy], sentence: str, speaker: str) -> Iterator[Edge]:
    found = [(number, *spot) for number, study in enumerate(studies) for spot in places(study.name, sentence)]
    reason = f"{speaker}“{sentence}”"
    for (first, _, end), (second, start, _) in permutations(found, 2):
        told = sentence[end:start] if 0 <= start - end <= MAX_BETWEEN else ""
        if first != second and _NEEDS_AFTER.search(told):
            yield Edge(first, second, "explicit", reason)
        elif first != second and _NEEDS_BEFORE.search(told):
            yield Edge(second, first, "explicit", reason)


def places(name: str, sentence: str) -> list[tuple[int, int]]:
    """Where the words of a name stand next to each other in a sentence, in any order and inflection.

    The first MAX_PLACES of them.
    """
    wanted = set(stems_of(name))
    found = [(stem(token.text.lower()), token) for token in tokens(sentence)]
    windows = [found[start : start + len(wanted)] for start in range(len(found) - len(wanted) + 1)]
    spots = (
        (window[0][1].start, window[-1][1].end)
        for window in windows
        if wanted and {stemmed for stemmed, _ in window} == wanted
    )
    return list(islice(spots, MAX_PLACES))


def by_name(studies: Sequence[FeatureStudy]) -> Iterator[Edge]:
    """ "Shared shopping list" is made of "shopping list"."""
    words = [set(stems_of(study.name)) for study in studies]
    for first, own in enumerate(words):
        for second, other in enumerate(words):
            if other and other < own:
                reason = f"“{studies[first].name}” is a kind of “{studies[second].name}” by its name."
                yield Edge(first, second, "explicit", reason)


# --- From kinds ----------------------------------------------------------------------------------


def derived(studies: Sequence[FeatureStudy]) -> Iterator[Edge]:
    """A feature comes after those of a kind that its own kind needs.

    Records are kept of many things: only those count that the feature shares a word with.
    """
    table = archetypes.table()
    for (first, study), (second, other) in permutations(enumerate(studies), 2):
        if not study.archetypes or not other.archetypes:
            continue
        kind, main = table[study.archetypes[0]], other.archetypes[0]
        shared = set(stems_of(study.name)) & set(stems_of(other.name)) - table[main].words
        if main in kind.needs and (shared or main != archetypes.DEFAULT):
            yield Edge(first, second, "derived", f"{kind.title.capitalize()} needs {table[main].title}.")
