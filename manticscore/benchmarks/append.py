"""Writing events: our append against the least that PostgreSQL needs to store a row durably."""

from __future__ import annotations

import multiprocessing
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import count

import psycopg
from django.db import connection as django_connection

from accounts.models import Principal
from manticscore.benchmarks import Measurement, Note, Sizes, figure
from manticscore.benchmarks.lineup import alternating, new_targets, ratios
from manticscore.benchmarks.systems import Place
from realtime import emission, publish
from realtime.emission import Pace
from realtime.events import EventData, ProgressEvent
from realtime.models import Stream
from realtime.topics import Channel

BATCH = 100
WRITERS = 8
SINGLE_REQUIRED = 0.5  # of the bare loop
WRITERS_REQUIRED = 0.7  # of as many bare loops
BATCHES_REQUIRED = 10.0  # times the single rate
WARM_UP = 50
TURN = 10
EVENT = ProgressEvent(stage="search", message="x" * 160)

# The bare loop stores the same columns under the same key.
CREATE_BARE = """
    CREATE TABLE bench_bare (stream_id uuid, seq bigint, type varchar(40), data jsonb,
                             created_at timestamptz DEFAULT now(), PRIMARY KEY (stream_id, seq))
"""
INSERT_BARE = "INSERT INTO bench_bare (stream_id, seq, type, data) VALUES (%s, %s, %s, %s::jsonb)"


def measure(place: Place, rounds: int, sizes: Sizes, note: Note) -> list[Measurement]:
    """Rounds of bare inserts, single appends and batches in turn; then of many writers."""
    conninfo, events = place.database, sizes.appended
    stream = new_stream()
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(CREATE_BARE)
        insert = bare_insert(connection)
        steps = (insert, lambda: append(stream, 1), lambda: append(stream, BATCH))
        for step in steps:
            rates([step], WARM_UP)
        taken = []
        for _ in range(rounds):
            floor, one = rates(steps[:2], events)
            (many,) = rates(steps[2:], events // BATCH or 1)
            taken.append((floor, one, BATCH * many))
    bare, single, batched = zip(*taken, strict=True)
    rows = [
        figure("bare psycopg insert and commit", "events/s", bare),
        figure("append, one event at a time", "events/s", single),
        figure("append / bare insert", "ratio", ratios(single, bare), SINGLE_REQUIRED),
        figure(f"append, batches of {BATCH}", "events/s", batched),
        figure("batches / one at a time", "ratio", ratios(batched, single), BATCHES_REQUIRED),
    ]
    return rows + many_writers(conninfo, rounds, events)


def many_writers(conninfo: str, rounds: int, events: int) -> list[Measurement]:
    """Processes that each write one event at a time to a stream of its own."""
    floor, ours = f"bare insert, {WRITERS} writers", f"append, {WRITERS} writers"
    ways = {floor: lambda: bare_writers(conninfo, events), ours: lambda: our_writers(events)}
    alternating(ways, 1)
    taken = alternating(ways, rounds)
    return [
        *(figure(name, "events/s", rates) for name, rates in taken.items()),
        figure(f"{ours} / bare", "ratio", ratios(taken[ours], taken[floor]), WRITERS_REQUIRED),
    ]


def our_writers(events: int) -> float:
    pace = Pace(events, size=len(EVENT.message))
    written = emission.emit(new_targets(WRITERS), pace, WRITERS)
    return written.events / (written.last - written.first)


def bare_writers(conninfo: str, events: int) -> float:
    django_connection.close()
    django_connection.close_pool()  # type: ignore[attr-defined]  # its threads would not survive the fork
    fork = multiprocessing.get_context("fork")
    ready = (fork.Barrier(WRITERS),)
    with ProcessPoolExecutor(WRITERS, fork, initializer=emission.join, initargs=ready) as pool:
        written = list(pool.map(bare_writer, [conninfo] * WRITERS, [events] * WRITERS))
    return WRITERS * events / (max(last for _, last in written) - min(first for first, _ in written))


def bare_writer(conninfo: str, events: int) -> tuple[float, float]:
    """When it began and when it ended."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        insert = bare_insert(connection)
        emission.wait_for_others()
        first = time.time()
        for _ in range(events):
            insert()
        return first, time.time()


def new_stream() -> uuid.UUID:
    """An open stream in its first execution."""
    stream = Stream.objects.create(
        id=uuid.uuid4(), owner=Principal.new_anonymous(), channel=Channel.RESEARCH, attempt=1
    )
    return stream.id


def append(stream: uuid.UUID, size: int) -> None:
    events: list[EventData] = [EVENT] * size
    publish.append(stream, 1, events)


def bare_insert(connection: psycopg.Connection) -> Callable[[], None]:
    """Inserts one event's row; every statement commits, which is faster than BEGIN and COMMIT around it."""
    stream, numbers = uuid.uuid4(), count(1)

    def insert() -> None:
        connection.execute(INSERT_BARE, [stream, next(numbers), EVENT.type, EVENT.model_dump_json()])

    return insert


def rates(steps: Sequence[Callable[[], None]], times: int) -> list[float]:
    """How often a second each step can be done, in short turns: what disturbs one disturbs the others."""
    seconds = [0.0] * len(steps)
    for done in range(0, times, TURN):
        for number, step in enumerate(steps):
            started = time.perf_counter()
            for _ in range(min(TURN, times - done)):
                step()
            seconds[number] += time.perf_counter() - started
    return [times / taken for taken in seconds]
