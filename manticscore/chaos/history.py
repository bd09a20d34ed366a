"""The history checker: what clients were told against what the database holds. Without I/O.

Invariants (numbers are the report's):

I1  the numbers of a stream are first_seq..last_seq without gaps
I2  no event is there twice
I3  exactly one end: `done` is the last event of a closed stream and comes once
I4  the stream's status is a terminal one of its channel if, and only if, the stream is closed
I5  what a client received, over all its connections, is what the database holds
I11 what was acknowledged to a writer is there
I12 one WebSocket per user
I13 nothing is left behind at rest: memory, connections
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

INVARIANTS = {
    "I1": "numbers are dense",
    "I2": "no event twice",
    "I3": "exactly one end",
    "I4": "the status is the last event's",
    "I5": "every client saw the whole history",
    "I11": "acknowledged writes are there",
    "I12": "one WebSocket per user",
    "I13": "nothing is left behind at rest",
}


class Line(NamedTuple):
    """One event: its number, its type, and a fingerprint of all it says."""

    seq: int
    type: str
    print: bytes


@dataclass(frozen=True, slots=True)
class Stored:
    """A stream as the database holds it."""

    stream_id: str
    channel: str
    status: str
    first_seq: int
    last_seq: int
    closed_seq: int | None
    lines: Sequence[Line]


@dataclass(frozen=True, slots=True)
class Told:
    """What one client received of one stream, in the order in which it came, and whether it saw the end."""

    client: str
    stream_id: str
    lines: Sequence[Line]
    ended: bool


@dataclass(frozen=True, slots=True)
class Violation:
    """An invariant that did not hold, and how it shows."""

    invariant: str
    where: str
    what: str


def fingerprint(event: str, data: Mapping[str, Any]) -> bytes:
    """Equal for two events that say the same, however their JSON is spelt."""
    text = json.dumps([event, data], sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=12).digest()


# --- The database's own history ----------------------------------------------------------------


def check_stored(stream: Stored, terminal: Collection[str]) -> Iterator[Violation]:
    """`terminal` are the statuses in which streams of that channel end."""
    where = f"{stream.channel} {stream.stream_id}"
    seqs = [line.seq for line in stream.lines]
    if len(set(seqs)) != len(seqs):
        yield Violation("I2", where, f"stored twice: {doubled(seqs)}")
    if sorted(set(seqs)) != list(range(stream.first_seq, stream.last_seq + 1)):
        missing = sorted(set(range(stream.first_seq, stream.last_seq + 1)) - set(seqs))
        yield Violation("I1", where, f"{len(seqs)} events up to {stream.last_seq}, missing {missing[:5]}")
    yield from check_end(stream, where, terminal)


def check_end(stream: Stored, where: str, terminal: Collection[str]) -> Iterator[Violation]:
    ends = [line.seq for line in stream.lines if line.type == "done"]
    closed = stream.closed_seq is not None
    if not terminal:  # it goes on for ever, with the ends of other streams in it
        ends = []
    if closed and ends != [stream.last_seq]:
        yield Violation("I3", where, f"closed at {stream.closed_seq} of {stream.last_seq}, `done` at {ends}")
    if not closed and ends:
        yield Violation("I3", where, f"open, with `done` at {ends}")
    if not closed and terminal:
        yield Violation("I3", where, f"never ended, {len(stream.lines)} events")
    if closed != (stream.status in terminal):
        yield Violation("I4", where, f"{'closed' if closed else 'open'} with status {stream.status}")


# --- A client's history ------------------------------------------------------------------------


def check_told(told: Told, stored: Stored | None) -> Iterator[Violation]:
    """Compare what a client received with what there is. A stream without end has no end to be seen."""
    where = f"{told.client}, {told.stream_id}"
    if stored is None:
        yield Violation("I5", where, "the stream is not in the database")
        return
    seqs = [line.seq for line in told.lines]
    if len(set(seqs)) != len(seqs):
        yield Violation("I2", where, f"received twice: {doubled(seqs)}")
    if seqs != sorted(seqs):
        yield Violation("I5", where, f"out of order: {disorder(seqs)}")
    yield from check_content(told, stored, where)
    if stored.closed_seq is not None and not told.ended:
        yield Violation("I3", where, f"never saw the end, last was {seqs[-1] if seqs else None}")


def check_content(told: Told, stored: Stored, where: str) -> Iterator[Violation]:
    there = {line.seq: line for line in stored.lines}
    received = {line.seq: line for line in told.lines}
    lost = sorted(there.keys() - received.keys())
    invented = sorted(received.keys() - there.keys())
    altered = sorted(seq for seq in there.keys() & received.keys() if there[seq] != received[seq])
    for what, seqs in (("lost", lost), ("not in the database", invented), ("altered", altered)):
        if seqs:
            yield Violation("I5", where, f"{len(seqs)} {what}: {seqs[:5]}")


def check_acknowledged(acknowledged: Mapping[str, int], streams: Mapping[str, Stored]) -> Iterator[Violation]:
    """`acknowledged` is the highest number that a writer was told, by stream."""
    for stream_id, seq in acknowledged.items():
        last_seq = streams[stream_id].last_seq if stream_id in streams else 0
        if last_seq < seq:
            yield Violation("I11", stream_id, f"event {seq} was acknowledged, the stream ends at {last_seq}")


def doubled(seqs: Sequence[int]) -> list[int]:
    seen: set[int] = set()
    return [seq for seq in seqs if seq in seen or seen.add(seq)][:5]  # type: ignore[func-returns-value]


def disorder(seqs: Sequence[int]) -> str:
    pair = next((pair for pair in itertools.pairwise(seqs) if pair[1] < pair[0]), None)
    return f"{pair[1]} after {pair[0]}" if pair else ""
