"""Delivered events per second, from the first one written to the last one received; every one is checked.

Burst: every user has a stream and a socket. Fan-out: one stream has as many readers, NDJSON with us and
sockets with the others.
"""

from __future__ import annotations

from collections.abc import Sequence

from manticscore.benchmarks import Measurement, Note, Sizes, figure
from manticscore.benchmarks.lineup import lineup, new_targets, ratios
from manticscore.benchmarks.load import Script, reading
from manticscore.benchmarks.systems import CHANNELS, OURS, Channels, Ours, Place, System, broadcast
from realtime.emission import Pace, Target

OF_CHANNELS = 10.0  # times what the tutorial's fan-out delivers
SHORTER = 5  # the tutorial is so slow that a part of the events shows it
UNIT = "events/s"
CEILING = "burst: the load generator's own ceiling"


def measure(place: Place, rounds: int, sizes: Sizes, note: Note) -> list[Measurement]:
    def burst(system: System) -> float:
        targets = new_targets(sizes.users)
        return delivered(system, targets, [system.socket(target) for target in targets], pace(system, sizes))

    def fan_out(system: System) -> float:
        (target,) = new_targets(1)
        script = system.lines(target) if isinstance(system, Ours) else system.socket(target)
        return delivered(system, [target], [script] * sizes.users, pace(system, sizes))

    with lineup(place) as everybody:
        bursts = everybody.alternating(rounds, burst)
        rows = everybody.rows(f"burst, {sizes.users} streams of {sizes.events}", UNIT, bursts)
        fan_outs = everybody.alternating(rounds, fan_out)
        rows += everybody.rows(f"fan-out, {sizes.events} to {sizes.users} readers", UNIT, fan_outs)
    with broadcast(place, blast=True) as blast:
        rows.append(figure(CEILING, UNIT, [burst(blast) for _ in range(rounds)]))
    if tutorial := fan_outs.get(CHANNELS):
        for name, rates in (("burst", bursts[OURS]), ("fan-out", fan_outs[OURS])):
            row = figure(f"{name} / {CHANNELS}' fan-out", "ratio", ratios(rates, tutorial), OF_CHANNELS)
            rows.append(row)
    return rows


def pace(system: System, sizes: Sizes) -> Pace:
    events = sizes.events // SHORTER if isinstance(system, Channels) else sizes.events
    return Pace(events, sizes.batch)


def delivered(system: System, targets: Sequence[Target], scripts: Sequence[Script], pace: Pace) -> float:
    """Events per second over all readers."""
    with reading(system.address, scripts, pace.events) as readers:
        written = system.write(targets, pace)
        arrival = readers.arrival()
    return arrival.events / (arrival.last - written.first)
