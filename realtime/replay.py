"""Following a stream from a cursor: stored events, then live ones, in one loop without a hand-over."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from uuid import UUID

from realtime.events import frame
from realtime.hub import Hub, Line, Topic


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines to write: consecutive events of the stream, or one frame without a number."""

    lines: list[bytes]


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """Everything that was stored when the follower registered has been replayed; from here on it is live."""

    replayed: int


@dataclass(frozen=True, slots=True)
class Gone:
    """The stream was deleted."""


Step = Lines | CaughtUp | Gone


async def follow(hub: Hub, stream_id: UUID, cursor: int) -> AsyncGenerator[Step]:
    """Everything after `cursor`, exactly once and in order, until the stream is closed.

    1. Register with the hub, then read the position: nothing committed later can be missed. A cursor
       beyond what the hub remembers is believed only after another look at the table.
    2. A cursor outside what exists gets an explicit `reset`, then what there is.
    3. Take the waiter before looking at the head, so that no change falls between.
    4. End at `closed_seq`, not at any `done`: a retried job appends after an earlier one. A cursor
       that was at the end already is told `done` at once, without a number.
    """
    with hub.watch(stream_id) as topic:
        await positioned(topic)
        if cursor > topic.head and not topic.missing:
            await hub.look_again(topic)
        cursor, problem = check_cursor(topic, cursor)
        if problem and not topic.missing:
            yield Lines([frame("reset", {"entity_id": str(stream_id), "reason": problem})])
        start, stored = cursor, max(cursor, topic.head)
        caught_up = False
        while True:
            change = topic.change()
            if topic.missing:
                yield Gone()
                return
            if not caught_up and cursor >= stored:
                caught_up = True
                yield CaughtUp(cursor - start)
            if topic.closed_seq is not None and cursor >= topic.closed_seq:
                if start >= topic.closed_seq:
                    yield Lines([closing(topic)])
                return
            if cursor >= topic.head:
                await change.wait()
                continue
            lines = await next_lines(hub, topic, cursor, stored if not caught_up else topic.head)
            cursor = lines[-1][0]
            yield Lines([line for _, line in lines])


async def positioned(topic: Topic) -> None:
    while topic.head < 0 and not topic.missing:
        await topic.change().wait()


def check_cursor(topic: Topic, cursor: int) -> tuple[int, str]:
    """The cursor to start from and, when that is not the one asked for, why."""
    oldest = topic.first_seq - 1
    if cursor > topic.head and topic.closed_seq is None:
        return oldest, "cursor is ahead of the stream"
    if cursor < oldest:
        return oldest, "older events were pruned"
    return cursor, ""


async def next_lines(hub: Hub, topic: Topic, cursor: int, until: int) -> list[Line]:
    """The next events after `cursor`, none beyond `until`. Numbers are dense; anything else is a defect."""
    lines = [line for line in await hub.read(topic, cursor) if line[0] <= until]
    if not lines or lines[0][0] != cursor + 1:
        raise LookupError(f"stream {topic.stream_id} has no event {cursor + 1}")
    return lines


def closing(topic: Topic) -> bytes:
    """The answer to a cursor at or past the end."""
    return frame("done", {"entity_id": str(topic.stream_id), "channel": topic.channel})
