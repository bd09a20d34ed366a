"""Keys of nodes: words in dot notation, as "recipe-import.reading.parse"."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, count

from manticscore.lib.words import words

MAX_SEGMENT = 60


def segment(label: str) -> str:
    """A label as one part of a key. Letters of every script stay; dots go, for they part the levels."""
    joined = "-".join(word.replace(".", "-") for word in words(label)).strip("-")
    return joined[:MAX_SEGMENT].strip("-") or "feature"


def distinct(labels: Sequence[str]) -> list[str]:
    """A key per label, numbered from the second of those that would be the same."""
    found: dict[str, None] = {}
    for label in labels:
        base = segment(label)
        numbered = (f"{base}-{number}" for number in count(2))
        found[next(key for key in chain([base], numbered) if key not in found)] = None
    return list(found)
