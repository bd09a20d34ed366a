"""Following a stream from a cursor: stored events, then live ones, in one loop without a hand-over."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from uuid import UUID

from realtime.bell import Bell
from realtime.events import frame
from realtime.hub import UNKNOWN, Hub, Topic
from realtime.pages import Page


@dataclass(frozen=True, slots=True)
class Lines:
    """Consecutive events to write, and how many more there are to come already."""

    page: Page
    behind: int


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame of the connection to write: it has no number."""

    frame: bytes


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """Everything that was stored when the follower registered has been replayed; from here on it is live."""

    replayed: int
    cursor: int
    live: bool  # False: the stream has ended, nothing will follow


@dataclass(frozen=True, slots=True)
class Gone:
    """The stream was deleted."""


@dataclass(frozen=True, slots=True)
class Quiet:
    """The bell rang, though not necessarily for something new."""


Step = Lines | Frame | CaughtUp | Gone | Quiet


async def follow(hub: Hub, stream_id: UUID, cursor: int, bell: Bell | None = None) -> AsyncGenerator[Step]:
    """Everything after `cursor`, exactly once and in order, until the stream is closed or the bell's end.

    1. Register with the hub, then read the position: nothing committed later can be missed. A cursor
       beyond what the hub remembers is believed only after another look at the table.
    2. A cursor outside what exists gets an explicit `reset`, then what there is.
    3. The bell keeps a ring until the next sleep, so that no change falls between looking and sleeping.
    4. End at `closed_seq`, not at any `done`: a retried job appends after an earlier one. A cursor
       that was at the end already is told `done` at once, without a number.
    """
    bell = bell or Bell()
    with hub.watch(stream_id, cursor, bell) as topic:
        await positioned(topic, bell)
        if cursor > topic.head and not topic.missing:
            await hub.look_again(topic, bell)
        if cursor > topic.head and topic.closed_seq is None and not topic.missing:
            cursor = topic.first_seq - 1
            yield reset(topic, "cursor is ahead of the stream")
        start, stored = cursor, max(cursor, topic.head)
        replayed, caught_up = 0, False
        while not bell.over:
            if topic.missing:
                yield Gone()
                return
            if cursor < topic.first_seq - 1:
                cursor = topic.first_seq - 1
                yield reset(topic, "older events were pruned")
            if not caught_up and cursor >= stored:
                caught_up = True
                live = topic.closed_seq is None or cursor < topic.closed_seq
                yield CaughtUp(replayed, cursor, live)
            if topic.closed_seq is not None and cursor >= topic.closed_seq:
                if start >= topic.closed_seq:
                    yield Frame(closing(topic))
                return
            if cursor >= topic.head:
                await bell.sleep()
                yield Quiet()
                continue
            page = await hub.read(topic, cursor)
            if page is None:
                continue
            if not caught_up:
                page = page.between(cursor, stored)
                replayed += len(page)
            cursor = page.last
            yield Lines(page, topic.head - cursor)


async def positioned(topic: Topic, bell: Bell) -> None:
    while topic.head == UNKNOWN and not topic.missing and not bell.over:
        await bell.sleep()


def reset(topic: Topic, reason: str) -> Frame:
    """What follows does not continue what the client has."""
    return Frame(frame("reset", {"entity_id": str(topic.stream_id), "reason": reason}))


def closing(topic: Topic) -> bytes:
    """The answer to a cursor at or past the end."""
    return frame("done", {"entity_id": str(topic.stream_id), "channel": topic.channel})
