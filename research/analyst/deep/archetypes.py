"""Kinds of features, from data: what is true of every import, every payment, every search."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from research.analyst.text import stems

FILE = Path(__file__).parents[2] / "data" / "archetypes.toml"
DEFAULT = "record"
MOST = 2  # kinds that one feature is taken for
NAME_WEIGHT = 3  # a word of the feature's own name against one of its other wordings

Stems = Annotated[frozenset[str], BeforeValidator(lambda text: frozenset(stems(text)))]
Grade = Annotated[int, Field(ge=1, le=5)]


class Archetype(BaseModel):
    """A kind of feature. Edge cases are (text, reason), risks (text, likelihood, impact, reason)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: str
    title: str
    words: Stems
    days: tuple[float, float, float]
    needs: tuple[str, ...]
    edge_cases: tuple[tuple[str, str], ...]
    risks: tuple[tuple[str, Grade, Grade, str], ...]
    signs: Stems


@lru_cache(maxsize=1)
def table() -> dict[str, Archetype]:
    """All archetypes by key, in the order of the file."""
    rows = tomllib.loads(FILE.read_text(encoding="utf-8"))["archetype"]
    return {row["key"]: Archetype.model_validate(row) for row in rows}


def recognise(name: str, wordings: Iterable[str] = ()) -> list[str]:
    """The kinds a feature is of, the likeliest first; none when no word tells.

    Of equally likely ones the kind that is named first: "import bank statements" is an import. A further
    kind has to be told by another word.
    """
    own = stems(name)
    other = {stem for wording in wordings for stem in stems(wording)} - set(own)
    found: list[str] = []
    covered: set[str] = set()
    for key in sorted(table(), key=lambda key: _likelihood(table()[key], own, other)):
        telling = table()[key].words & {*own, *other}
        if telling - covered and len(found) < MOST:
            found.append(key)
            covered |= telling
    return found


def _likelihood(kind: Archetype, own: Sequence[str], other: set[str]) -> tuple[int, bool, int]:
    """Sorts the likeliest first."""
    score = NAME_WEIGHT * len(kind.words & set(own)) + len(kind.words & other)
    place = next((place for place, stem in enumerate(own) if stem in kind.words), len(own))
    return -score, kind.key == DEFAULT, place


def of(keys: Sequence[str]) -> list[Archetype]:
    """The archetypes of a feature; the plainest kind for one that no word told."""
    return [table()[key] for key in keys or [DEFAULT]]
