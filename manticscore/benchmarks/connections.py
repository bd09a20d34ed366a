"""What connections cost: how fast they come, and what each of many idle ones holds.

With us a WebSocket is connected, authenticated and subscribed, and an NDJSON stream has begun. The peers'
clients join a group or a room; nobody checks who they are.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import psutil
import psycopg

from manticscore.benchmarks import Measurement, Note, Sizes, figure
from manticscore.benchmarks.lineup import new_targets
from manticscore.benchmarks.load import Script, reading
from manticscore.benchmarks.systems import ALL, CHANNELS, OURS, Absent, Ours, Place, System
from realtime.emission import Target

OF_CHANNELS = 2.0  # times as fast
SOCKET_KIB, STREAM_KIB = 30.0, 25.0
NDJSON = "ours, NDJSON"
WARM_UP = 20
SETTLE = 1.0  # seconds
BACKENDS = """
    SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
"""

Follow = Callable[[Target], Script]


def measure(place: Place, rounds: int, sizes: Sizes, note: Note) -> list[Measurement]:
    rows = []
    rates: dict[str, list[float]] = {}
    for name, start in (*ALL.items(), (NDJSON, ALL[OURS])):
        note(f"Connecting: {name}")
        try:
            with start(place) as system:
                follow = system.lines if name == NDJSON and isinstance(system, Ours) else system.socket
                connect(system, follow, WARM_UP)
                # The first round finds a fresh server, in which every connection needs new memory.
                rows += idle(name, system, follow, sizes.idle, place.database)
                rates[name] = [connect(system, follow, sizes.idle) for _ in range(rounds)]
        except Absent as reason:
            rates[name] = []
            rows.append(Measurement(f"connections: {name}", None, "connections/s", note=str(reason)))
    rows += [figure(f"connections: {name}", "connections/s", each) for name, each in rates.items() if each]
    ratio = [ours / theirs for ours, theirs in zip(rates[OURS], rates[CHANNELS], strict=True)]
    return [*rows, figure(f"connections / {CHANNELS}'", "ratio", ratio, OF_CHANNELS)]


def connect(system: System, follow: Follow, number: int) -> float:
    """Connections per second, each ready to receive."""
    scripts = [follow(target) for target in new_targets(number)]
    with reading(system.address, scripts, 0) as readers:
        return number / (readers.connected - readers.began)


def idle(name: str, system: System, follow: Follow, number: int, database: str) -> list[Measurement]:
    """What the server holds for each of so many idle connections."""
    process = psutil.Process(system.pid)
    scripts = [follow(target) for target in new_targets(number)]
    with psycopg.connect(database, autocommit=True) as connection:

        def held() -> tuple[float, int, int]:
            time.sleep(SETTLE)
            row = connection.execute(BACKENDS).fetchone()
            return process.memory_info().rss / 1024, process.num_threads(), row[0] if row else 0

        before = held()
        with reading(system.address, scripts, 0):
            after = held()
    memory, threads, backends = (then - now for now, then in zip(before, after, strict=True))
    what = f"{number} idle connections: {name}"
    rows = [Measurement(f"{what}, memory of each", memory / number, "KiB", at_most=LIMITS.get(name))]
    if name in LIMITS:
        rows.append(Measurement(f"{what}, threads for them", threads, "", at_most=0))
        rows.append(Measurement(f"{what}, database connections for them", backends, "", at_most=0))
    return rows


LIMITS = {OURS: SOCKET_KIB, NDJSON: STREAM_KIB}
