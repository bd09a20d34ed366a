"""Events at a chosen pace, for measuring: written by the public append, by as many processes as asked for.

Every event carries when it was due (`at=`, microseconds of the wall clock), so that a reader on the same
machine can tell how late it came. At a rate that is when it should have been handed to the append: what a
slow append holds up counts as late.
"""

from __future__ import annotations

import multiprocessing
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing.synchronize import Barrier
from uuid import UUID, uuid4

from django.db import connection, transaction

from accounts import sessions
from accounts.models import Principal
from realtime import hints, publish
from realtime.events import EventData, ProgressEvent
from realtime.models import Stream
from realtime.topics import Channel

ATTEMPT = 1  # the only execution of a stream made here
START_TIMEOUT = 60.0  # seconds until every process is ready


@dataclass(frozen=True, slots=True)
class Target:
    """A stream to write to, and a token to follow it with."""

    stream: str
    owner: str
    token: str


@dataclass(frozen=True, slots=True)
class Pace:
    """`events` for each stream in batches of `batch`; `rate` is that of all together, 0: no waiting."""

    events: int
    batch: int = 1
    rate: float = 0.0
    size: int = 160  # characters of an event's message


@dataclass(frozen=True, slots=True)
class Emission:
    """What was written. Times are of the wall clock; `behind` is how late the last append ended."""

    events: int
    first: float
    last: float
    behind: float


Share = tuple[UUID, int]


def create(owner: str, users: int = 1, streams: int = 1) -> list[Target]:
    """Open streams: `streams` for each of `users`, who are called `owner`-1, `owner`-2 and so on."""
    names = [owner] if users == 1 else [f"{owner}-{number}" for number in range(1, users + 1)]
    owners = [Principal(id=name) for name in names]
    with transaction.atomic():
        Principal.objects.bulk_create(owners, ignore_conflicts=True)
        tokens = {name: sessions.mint(owner) for name, owner in zip(names, owners, strict=True)}
        made = [
            Stream(id=uuid4(), owner_id=name, channel=Channel.RESEARCH, attempt=ATTEMPT)
            for name in names
            for _ in range(streams)
        ]
        Stream.objects.bulk_create(made)
    return [Target(str(stream.id), stream.owner_id, tokens[stream.owner_id]) for stream in made]


def close(targets: Sequence[Target]) -> None:
    """End the streams with `done`."""
    for target in targets:
        publish.close(UUID(target.stream), ATTEMPT, status="completed")


def emit(targets: Sequence[Target], pace: Pace, processes: int = 1) -> Emission:
    """Write to all targets, in turns. Each of several processes has streams, or parts of them, of its own."""
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]  # its threads would not survive the fork
    fork = multiprocessing.get_context("fork")
    dealt = [share for share in shares(targets, pace.events, processes) if share]
    whole = sum(events for share in dealt for _, events in share)
    paces = [replace(pace, rate=pace.rate * sum(events for _, events in share) / whole) for share in dealt]
    ready = fork.Barrier(len(dealt))
    with ProcessPoolExecutor(len(dealt), fork, initializer=join, initargs=(ready,)) as pool:
        written = list(pool.map(write, dealt, paces))
    return Emission(
        sum(each.events for each in written),
        min(each.first for each in written),
        max(each.last for each in written),
        max(each.behind for each in written),
    )


def shares(targets: Sequence[Target], events: int, processes: int) -> list[list[Share]]:
    """Who writes what. Streams are dealt out; where there are too few, several processes share one."""
    dealt: list[list[Share]] = [[] for _ in range(processes)]
    for number, target in enumerate(targets):
        first = number % processes
        takers = dealt[first :: len(targets)] if len(targets) < processes else [dealt[first]]
        for index, taker in enumerate(takers):
            if part := len(range(index, events, len(takers))):
                taker.append((UUID(target.stream), part))
    return dealt


_ready: Barrier


def join(ready: Barrier) -> None:
    """Runs first in every process: all of them begin together."""
    global _ready
    _ready = ready


def wait_for_others() -> None:
    """Until every process has got this far."""
    _ready.wait(START_TIMEOUT)


def write(share: Sequence[Share], pace: Pace) -> Emission:
    """One process's part. Whoever falls behind catches up without waiting, so that the rate is kept."""
    connection.ensure_connection()
    wait_for_others()
    written, due, first = 0, 0.0, time.time()
    for stream, count in batches(share, pace.batch):
        due = first + written / pace.rate if pace.rate else time.time()
        time.sleep(max(0.0, due - time.time()))
        publish.append(stream, ATTEMPT, [event(due, pace.size)] * count)
        written += count
    last = time.time()
    time.sleep(hints.TIMEOUT)  # the last hint may still be on its way
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]
    return Emission(written, first, last, last - due)


def batches(share: Sequence[Share], size: int) -> Iterator[tuple[UUID, int]]:
    """Stream and number of events of every append, the streams in turns."""
    waiting = deque(share)
    while waiting:
        stream, left = waiting.popleft()
        yield stream, min(size, left)
        if left > size:
            waiting.append((stream, left - size))


def event(at: float, size: int) -> EventData:
    return ProgressEvent(stage="emit", message=f"at={int(at * 1e6)} ".ljust(size, "x"))
