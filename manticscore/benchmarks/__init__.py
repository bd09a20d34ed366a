"""What `make bench` measures: a module for each thing, beside peers and floors in the same run.

Absolute figures say more about the machine than about us; ratios to others on the same machine, in rounds
that alternate with ours, can be compared and therefore required.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

Note = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Measurement:
    """One figure; `rounds` are the values it is the median of.

    With `required` it must be at least that, with `at_most` no more than that. Without a value, `note` says
    why there is none; where one was required, that is a miss.
    """

    name: str
    value: float | None
    unit: str
    required: float | None = None
    rounds: tuple[float, ...] = ()
    at_most: float | None = None
    note: str = ""

    @property
    def passed(self) -> bool:
        if self.value is None:
            return self.required is None and self.at_most is None
        return (self.required is None or self.value >= self.required) and (
            self.at_most is None or self.value <= self.at_most
        )

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "passed": self.passed}


def figure(
    name: str,
    unit: str,
    values: Iterable[float],
    required: float | None = None,
    at_most: float | None = None,
) -> Measurement:
    """The median of the rounds."""
    rounds = tuple(values)
    return Measurement(name, median(rounds), unit, required, rounds, at_most)


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured. See docs/performance.md for what the figures stand for."""

    users: int = 100
    events: int = 500
    batch: int = 100
    followed: int = 200
    step: float = 2.5  # seconds of a rate that is tried
    replayed: int = 10_000
    idle: int = 500
    appended: int = 500
    seconds: int = 2  # of a round of requests
    projects: int = 5_000
    past: int = 200_000  # events of those projects


QUICK = Sizes(4, 40, 10, 4, 0.5, 700, 10, 100, 1, 20, 2_000)
