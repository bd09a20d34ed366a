"""Reading long streams back: clients of the real server against a bare SELECT and Redis Streams.

Every client has a stream of its own, so that none profits from what another has read. The clock runs from
before the first connection is opened until the last event is there.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import psycopg
from redis import Redis

from manticscore.benchmarks import Measurement, Note, Sizes, figure
from manticscore.benchmarks.lineup import alternating, new_targets, ratios
from manticscore.benchmarks.load import Lost, Script, reading
from manticscore.benchmarks.peers.events import encoded
from manticscore.benchmarks.systems import Place, address, ours
from realtime import emission
from realtime.emission import Pace, Target

REQUIRED = 100_000.0  # events/s over NDJSON
CLIENTS = (1, 8)
STORED = 500  # events in an append
SIZE = 160  # characters of a message
FLOOR = "bare psycopg SELECT"
OVER_NDJSON = "NDJSON, 1 client"
SELECT_BARE = "SELECT seq, type, data::text FROM realtime_event WHERE stream_id = %s ORDER BY seq"


def measure(place: Place, rounds: int, sizes: Sizes, note: Note) -> list[Measurement]:
    events = sizes.replayed
    targets = new_targets(max(CLIENTS))
    emission.emit(targets, Pace(events, STORED, size=SIZE))
    fill_redis(place.redis, targets, events)
    with psycopg.connect(place.database, autocommit=True) as connection, ours(place) as server:
        ways: dict[str, Callable[[], float]] = {FLOOR: partial(select, connection, targets[0], events)}
        for number in CLIENTS:
            clients = f"{number} client{'s' if number > 1 else ''}"
            for name, follow in (("NDJSON", server.lines), ("WebSocket", server.socket)):
                # Without waiting for the last thing in the script, which may come after the events.
                scripts = [follow(target)[:-1] for target in targets[:number]]
                ways[f"{name}, {clients}"] = partial(replay, server.address, scripts, events)
            commands = [[("", xread(target, events))] for target in targets[:number]]
            # Redis answers in a form of its own, of which nothing is parsed.
            ways[f"Redis XREAD, {clients}"] = partial(replay, address(place.redis), commands, events, keep=0)
        rates = alternating(ways, rounds)
    required = {OVER_NDJSON: REQUIRED}
    rows = [
        figure(f"replay of {events:,}: {name}", "events/s", values, required.get(name))
        for name, values in rates.items()
    ]
    return [*rows, figure("replay / bare SELECT", "ratio", ratios(rates[OVER_NDJSON], rates[FLOOR]))]


def replay(where: tuple[str, int], scripts: list[Script], events: int, *, keep: int = 1) -> float:
    with reading(where, scripts, events, keep=keep) as readers:
        arrival = readers.arrival()
    return arrival.events / (arrival.last - readers.began)


def xread(target: Target, events: int) -> str:
    return f"XREAD COUNT {events} STREAMS {target.stream} 0\r\n"


def select(connection: psycopg.Connection, target: Target, events: int) -> float:
    started = time.perf_counter()
    rows = connection.execute(SELECT_BARE, [target.stream]).fetchall()
    seconds = time.perf_counter() - started
    if len(rows) != events:
        raise Lost(f"{len(rows)} rows stored instead of {events}")
    return events / seconds


def fill_redis(url: str, targets: list[Target], events: int) -> None:
    with Redis.from_url(url) as redis:
        for target in targets:
            pipeline = redis.pipeline(transaction=False)
            for number in range(1, events + 1):
                pipeline.xadd(target.stream, {"event": encoded(target.stream, number, 0.0, SIZE)})
            pipeline.execute()
