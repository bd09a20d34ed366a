"""How many events per second many streams can carry for long, and how late an event is at a quiet pace.

Every subscriber has a stream of its own. A rate is sustained when events are not later at its end than at
its beginning. The delay of an event runs from when it should have been sent, so that its commit is part of
it, until it arrives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from statistics import quantiles

from manticscore.benchmarks import Measurement, Note, Sizes
from manticscore.benchmarks.lineup import lineup, new_targets
from manticscore.benchmarks.load import Arrival, Late, reading
from manticscore.benchmarks.systems import Place, System
from realtime.emission import Pace

SUSTAINED = 5000.0  # events/s required of us
LATEST = 25.0  # milliseconds, 99th percentile, at the quiet pace
QUIET = 5  # events/s of each stream
BATCH = 10  # events in an append while rates are tried
RATES = (1e3, 1.5e3, 2.2e3, 3.3e3, 5e3, 7e3, 10e3, 14e3, 20e3, 28e3, 40e3, 56e3, 80e3)
GROWTH = 100_000  # microseconds; less is noise
PATIENCE = 8.0  # seconds for a writer to start and for what is still on its way at the end

Lags = Sequence[tuple[int, int]]


def measure(place: Place, rounds: int, sizes: Sizes, note: Note) -> list[Measurement]:
    found: dict[System, float] = {}

    def best(system: System) -> float:
        note(f"Trying rates: {type(system).__name__}")
        found[system] = highest(partial(holds, system, sizes), found.get(system, 0.0))
        return found[system]

    with lineup(place) as everybody:
        quiet = everybody.alternating(rounds, partial(delays, sizes=sizes))
        rates = everybody.alternating(rounds, best)
    halves = {name: [half for half, _ in taken] for name, taken in quiet.items()}
    latest = {name: [late for _, late in taken] for name, taken in quiet.items()}
    what = f"{sizes.followed} streams"
    delay = f"{what} at {QUIET}/s each, delay"
    return [
        *everybody.rows(f"{what}, highest rate", "events/s", rates, required=SUSTAINED),
        *everybody.rows(f"{delay} p50", "ms", halves),
        *everybody.rows(f"{delay} p99", "ms", latest, at_most=LATEST),
    ]


def delays(system: System, sizes: Sizes) -> tuple[float, float]:
    """The median and the 99th percentile at the quiet pace, in milliseconds."""
    pace = Pace(round(QUIET * 2 * sizes.step), rate=QUIET * sizes.followed)
    arrival = carried(system, sizes.followed, pace, 2 * sizes.step)
    lags = in_order(arrival.lags)[arrival.events // 5 :]  # the first second warms up
    return percentile(lags, 50) / 1000, percentile(lags, 99) / 1000


def holds(system: System, sizes: Sizes, rate: float) -> bool:
    """Whether the system, and whoever writes to it, keep up with the rate."""
    pace = Pace(max(1, round(rate * sizes.step / sizes.followed)), BATCH, rate)
    try:
        arrival = carried(system, sizes.followed, pace, sizes.step)
    except Late:
        return False
    return not grows(arrival.lags)


def carried(system: System, streams: int, pace: Pace, seconds: float) -> Arrival:
    targets = new_targets(streams)
    scripts = [system.socket(target) for target in targets]
    timeout = seconds + PATIENCE
    with reading(system.address, scripts, pace.events, timed=True, timeout=timeout) as readers:
        system.write(targets, pace)
        return readers.arrival()


def grows(lags: Lags) -> bool:
    """Whether the last quarter of the events came later than the second; the first warms up."""
    quarter = len(lags) // 4
    ordered = in_order(lags)
    earlier, last = ordered[quarter : 2 * quarter], ordered[-quarter:]
    return percentile(last, 99) > percentile(earlier, 99) + GROWTH


def in_order(lags: Lags) -> list[int]:
    """The delays in the order in which the events were due."""
    return [lag for _, lag in sorted(lags)]


def percentile(values: Sequence[int], number: int) -> float:
    return quantiles(values, n=100, method="inclusive")[number - 1]


def highest(holds: Callable[[float], bool], before: float = 0.0) -> float:
    """The highest of the rates that holds, or 0. `before` is an earlier answer, to begin with."""
    low, high = -1, len(RATES)
    next_try = RATES.index(before) if before else (low + high) // 2
    while high - low > 1:
        held = holds(RATES[next_try])
        low, high = (next_try, high) if held else (low, next_try)
        near = next_try + (1 if held else -1)
        next_try = near if before and low < near < high else (low + high) // 2
    return RATES[low] if low >= 0 else 0.0
