"""Which feature comes first, and what each of them needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from buildgraphs import keys, library, matching
from buildgraphs.matching import Match
from buildgraphs.schemas import Feature, Material


@dataclass(frozen=True, slots=True)
class Root:
    """A feature's place in the plan."""

    feature: Feature
    match: Match
    key: str
    sort_order: int
    needs: tuple[str, ...]


def roots(material: Material) -> list[Root]:
    """One root per feature, foundations before what stands on them. Needs point backwards only."""
    matched = [(feature, matching.match(feature)) for feature in material.features]
    order = in_order(matched)
    named = keys.distinct([feature.label for feature, _ in order])
    key_of = {feature.id: key for (feature, _), key in zip(order, named, strict=True)}
    found: list[Root] = []
    for place, (feature, match) in enumerate(order):
        needs = tuple(root.key for root in found if stands_on(feature, match, root))
        found.append(Root(feature, match, key_of[feature.id], place, needs))
    return found


def stands_on(feature: Feature, match: Match, earlier: Root) -> bool:
    """Whether an earlier root is needed: research says so, or features of its kind are built on that kind."""
    by_kind = earlier.match.is_recognised and earlier.match.archetype.key in match.archetype.after
    return earlier.feature.id in feature.needs or by_kind


def in_order(matched: Sequence[tuple[Feature, Match]]) -> list[tuple[Feature, Match]]:
    """Foundations first, by kind; then what research says has to come earlier, where that is possible."""
    ranks = ranking()
    waiting = sorted(matched, key=lambda each: ranks[each[1].archetype.key])
    chosen = {feature.id for feature, _ in waiting}
    placed: list[tuple[Feature, Match]] = []
    done: set[str] = set()
    while waiting:
        free = (each for each in waiting if done >= set(each[0].needs) & chosen)
        following = next(free, waiting[0])  # a circle of needs is cut at the most fundamental of them
        waiting.remove(following)
        placed.append(following)
        done.add(following[0].id)
    return placed


def ranking() -> Mapping[str, int]:
    """How many layers of kinds lie below each kind."""
    kinds = library.archetypes()

    def rank(key: str) -> int:
        return 1 + max((rank(below) for below in kinds[key].after), default=-1)

    return {key: rank(key) for key in kinds}
