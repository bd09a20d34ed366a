"""Whether words speak of a feature without being its name."""

from __future__ import annotations

from collections.abc import Collection, Sequence

SHORTEST_STEM = 4  # characters; below it, one stem beginning with another means nothing


def covers(name: Sequence[str], stems: Collection[str]) -> bool:
    """Whether most of a name's stems occur, and the first of them, which tells it from its like.

    "Time tracking" is not yet "automatic time tracking"; of two words both have to be there.
    """
    held = [any(alike(part, stem) for stem in stems) for part in name]
    return bool(held) and held[0] and sum(held) > len(held) / 2


def alike(one: str, other: str) -> bool:
    """ "Planner" is of "plan", though their stems differ."""
    short, long = sorted((one, other), key=len)
    return one == other or (len(short) >= SHORTEST_STEM and long.startswith(short))
