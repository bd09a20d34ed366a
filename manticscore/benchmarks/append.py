"""Writing events: our append against the least that PostgreSQL needs to store a row durably."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from itertools import count
from statistics import median

import psycopg

from accounts.models import Principal
from manticscore.benchmarks import Measurement
from realtime import publish
from realtime.events import EventData, ProgressEvent
from realtime.models import Stream
from realtime.topics import Channel

BATCH = 100
SINGLE_REQUIRED = 0.5  # of the bare loop
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


def measure(conninfo: str, rounds: int, events: int) -> list[Measurement]:
    """Rounds of bare inserts, single appends and batches in turn, `events` of each in every round."""
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
    ratios = tuple(ours / floor for floor, ours, _ in taken)
    gains = tuple(many / one for _, one, many in taken)
    return [
        Measurement("bare psycopg insert and commit", median(bare), "events/s", None, bare),
        Measurement("append, one event at a time", median(single), "events/s", None, single),
        Measurement("append / bare insert", median(ratios), "ratio", SINGLE_REQUIRED, ratios),
        Measurement(f"append, batches of {BATCH}", median(batched), "events/s", None, batched),
        Measurement("batches / one at a time", median(gains), "ratio", BATCHES_REQUIRED, gains),
    ]


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
