"""The library of feature archetypes: how features of a kind are usually taken apart.

One TOML file a kind under `archetypes/`. Texts hold {feature} and {audience}, which a plan fills in.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from buildgraphs.schemas import Effort
from manticscore.lib.words import stems

DIRECTORY = Path(__file__).resolve().parent / "archetypes"
TEXTS = ("constraints", "criteria", "tests", "unknowns", "touches", "needs")


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of work; one with steps is taken apart further when it is expanded."""

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
    steps: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Archetype:
    """A kind of feature. `after` names kinds that are built before it where both are chosen."""

    key: str
    label: str
    stems: tuple[str, ...]
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
        stems=tuple(stems(f"{table['label']} {table['words']}")),
        touches=tuple(table["touches"]),
        after=tuple(table.get("after", ())),
        general=table.get("general", False),
        parts=tuple(part(each) for each in table["parts"]),
    )


def part(table: Mapping[str, Any]) -> Part:
    return Part(
        key=table["key"],
        name=table["name"],
        objective=table["objective"],
        effort=table["effort"],
        steps=tuple(part(step) for step in table.get("steps", ())),
        **{name: tuple(table.get(name, ())) for name in TEXTS},
    )


def general() -> Archetype:
    """The kind that fits a feature of which nothing else is known."""
    return next(archetype for archetype in archetypes().values() if archetype.general)


def find(archetype: Archetype, place: str) -> Part:
    """The part at a place such as "credentials" or "credentials.storage"."""
    first, _, rest = place.partition(".")
    found = next(each for each in archetype.parts if each.key == first)
    return next(each for each in found.steps if each.key == rest) if rest else found
