"""All systems that are compared, running at the same time, and rounds that alternate between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import count
from typing import TypeVar

from manticscore.benchmarks import Measurement, figure
from manticscore.benchmarks.load import Lost
from manticscore.benchmarks.systems import ALL, OURS, Absent, Place, System
from realtime import emission
from realtime.emission import Target

T = TypeVar("T")
_numbers = count(1)


def new_targets(users: int) -> list[Target]:
    """An open stream for each of so many new users."""
    return emission.create(f"user_bench_{next(_numbers)}", users)


class Lineup:
    """The systems that could be started, and why the others could not."""

    def __init__(self) -> None:
        self.systems: dict[str, System] = {}
        self.missing: dict[str, str] = {}

    def alternating(self, rounds: int, measure: Callable[[System], T]) -> dict[str, list[T]]:
        """What every system makes of each round. One that loses events leaves; that is its result."""
        taken: dict[str, list[T]] = {name: [] for name in self.systems}
        for _ in range(rounds):
            for name in list(taken):
                try:
                    taken[name].append(measure(self.systems[name]))
                except Lost as problem:
                    self.missing[name] = str(problem)
                    del taken[name]
        return taken

    def rows(
        self,
        what: str,
        unit: str,
        values: Mapping[str, list[float]],
        required: float | None = None,
        at_most: float | None = None,
    ) -> list[Measurement]:
        """A row for each system, also for the missing. What is required is required of us."""

        def row(name: str, rounds: list[float]) -> Measurement:
            limits = (required, at_most) if name == OURS else (None, None)
            if rounds:
                return figure(f"{what}: {name}", unit, rounds, *limits)
            note = self.missing[name]
            return Measurement(f"{what}: {name}", None, unit, limits[0], (), limits[1], note)

        return [row(name, values.get(name, [])) for name in ALL]


@contextmanager
def lineup(place: Place) -> Iterator[Lineup]:
    """Everybody, for the length of the block."""
    made = Lineup()
    with ExitStack() as stack:
        for name, start in ALL.items():
            try:
                made.systems[name] = stack.enter_context(start(place))
            except Absent as reason:
                made.missing[name] = str(reason)
        yield made


def alternating(ways: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """What every way makes of each round."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            taken[name].append(way())
    return taken


def ratios(ours: Sequence[float], others: Sequence[float]) -> list[float]:
    return [one / other for one, other in zip(ours, others, strict=True)]
