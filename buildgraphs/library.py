"""The library of feature archetypes: how features of a kind are usually taken apart.

One TOML file a kind under `archetypes/`. Texts hold {feature} and {audience}, which a plan fills in. Its
vocabulary has `words`, which recognise the kind in every inflection, `whole` words, which do so only as they
are written ("rating" is not "rates"), and `phrases` of two words, which tell more than either.
"""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from buildgraphs.schemas import Effort
from manticscore.lib.words import content_words, stem, stems

DIRECTORY = Path(__file__).resolve().parent / "archetypes"
TEXTS = ("constraints", "criteria", "tests", "unknowns", "touches", "needs")


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of work; one with steps is taken apart further when it is expanded.

    With `when` it belongs only to features whose label holds one of those stems; with `unless` only to those
    whose label holds none of those, or one of `when` too. `main` is the part that what is said of the whole
    feature belongs to; without one it is the first.
    """

    key: str
    name: str
    objective: str
    effort: Effort
    constraints: tuple[str, ...]
    criteria: tuple[str, ...]
    tests: tuple[str, ...]
    unknowns: tuple[str, ...]
    touches: tuple[str, ...]
    needs: tuple[str, ...]
    when: frozenset[str]
    unless: frozenset[str]
    main: bool
    steps: tuple[Part, ...]

    def belongs_to(self, label: str) -> bool:
        found = set(stems(label))
        if self.unless:
            return bool(self.when & found) or not self.unless & found
        return not self.when or bool(self.when & found)


@dataclass(frozen=True, slots=True)
class Archetype:
    """A kind of feature. `after` names kinds that are built before it where both are chosen.

    `head` says what a feature of the kind gives. `weight` is what its vocabulary counts for: that of nearly
    everything that can be kept says less of a feature than "import".
    """

    key: str
    label: str
    head: str
    vocabulary: tuple[str, ...]
    weight: float
    touches: tuple[str, ...]
    after: tuple[str, ...]
    general: bool
    parts: tuple[Part, ...]


@lru_cache
def archetypes() -> Mapping[str, Archetype]:
    """All of them by key, in the order of the alphabet."""
    return {path.stem: read(path) for path in sorted(DIRECTORY.glob("*.toml"))}


def read(path: Path) -> Archetype:
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    return Archetype(
        key=path.stem,
        label=table["label"],
        head=table["head"],
        vocabulary=vocabulary(table),
        weight=table.get("weight", 1.0),
        touches=tuple(table["touches"]),
        after=tuple(table.get("after", ())),
        general=table.get("general", False),
        parts=tuple(part(each) for each in table["parts"]),
    )


def vocabulary(table: Mapping[str, Any]) -> tuple[str, ...]:
    whole = (whole_word(word) for word in table.get("whole", "").split())
    phrases = (" ".join(stems(phrase)) for phrase in table.get("phrases", ()))
    return tuple(dict.fromkeys([*stems(table.get("words", "")), *whole, *phrases]))


def terms(text: str) -> list[str]:
    """What of a text can stand in a vocabulary: stems, whole words, and pairs of neighbouring stems."""
    found = content_words(text)
    single = [stem(word) for word in found]
    pairs = [f"{first} {second}" for first, second in itertools.pairwise(single)]
    return [*single, *map(whole_word, found), *pairs]


def whole_word(word: str) -> str:
    return f"={word}"


def part(table: Mapping[str, Any]) -> Part:
    return Part(
        key=table["key"],
        name=table["name"],
        objective=table["objective"],
        effort=table["effort"],
        when=frozenset(stems(table.get("when", ""))),
        unless=frozenset(stems(table.get("unless", ""))),
        main=table.get("main", False),
        steps=tuple(part(step) for step in table.get("steps", ())),
        **{name: tuple(table.get(name, ())) for name in TEXTS},
    )


def general() -> Archetype:
    """The kind that fits a feature of which nothing else is known."""
    return next(archetype for archetype in archetypes().values() if archetype.general)


def parts_of(archetype: Archetype, label: str) -> tuple[Part, ...]:
    """The parts that a feature of that name is taken apart into."""
    return tuple(each for each in archetype.parts if each.belongs_to(label))


def find(archetype: Archetype, place: str) -> Part:
    """The part at a place such as "credentials" or "credentials.storage"."""
    first, _, rest = place.partition(".")
    found = next(each for each in archetype.parts if each.key == first)
    return next(each for each in found.steps if each.key == rest) if rest else found
