"""Following without a database: the hub's part is played by a list of events."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import pytest

from realtime import replay
from realtime.bell import Bell
from realtime.hub import Header, Topic
from realtime.pages import Page
from realtime.replay import CaughtUp, Frame, Gone, Lines, Quiet

AHEAD = "cursor is ahead of the stream"
PRUNED = "older events were pruned"


class Shelf:
    """A stream with the events `first_seq` to `head`, as a hub shows it."""

    def __init__(self, head: int, first_seq: int = 1, closed_seq: int | None = None) -> None:
        self.topic = Topic(UUID(int=1), 0)
        self.topic.head, self.topic.first_seq, self.topic.closed_seq = head, first_seq, closed_seq
        self.topic.channel = "research"
        self.bell: Bell | None = None

    @contextmanager
    def watch(self, stream_id: UUID, cursor: int, bell: Bell) -> Iterator[Topic]:
        self.bell = bell
        yield self.topic

    async def look_again(self, topic: Topic, bell: Bell) -> None: ...

    async def read(self, topic: Topic, cursor: int) -> Page | None:
        """Two events at a time."""
        if cursor + 1 < topic.first_seq:
            return None
        last = min(cursor + 2, topic.head)
        return Page(cursor + 1, last, b"".join(b"%d\n" % seq for seq in range(cursor + 1, last + 1)))


async def followed(shelf: Shelf, cursor: int) -> list[Any]:
    """Everything up to the end, or up to where an open stream makes its followers wait."""
    steps: list[Any] = []
    async for step in replay.follow(shelf, shelf.topic.stream_id, cursor):  # type: ignore[arg-type]
        steps.append(step)
        if isinstance(step, CaughtUp) and shelf.topic.closed_seq is None:
            assert shelf.bell is not None
            shelf.bell.end()
    return [step for step in steps if not isinstance(step, Quiet)]


def numbers(steps: list[Any]) -> list[int]:
    return [int(line) for step in steps if isinstance(step, Lines) for line in step.page]


def resets(steps: list[Any]) -> list[str]:
    frames = [json.loads(step.frame) for step in steps if isinstance(step, Frame)]
    return [frame["data"]["reason"] for frame in frames if frame["event"] == "reset"]


@pytest.mark.parametrize(
    ("shelf", "cursor", "first", "reasons"),
    [
        (Shelf(head=0), 0, 1, []),
        (Shelf(head=5), 0, 1, []),
        (Shelf(head=5), 5, 6, []),
        (Shelf(head=5), 6, 1, [AHEAD]),
        (Shelf(head=0), 1, 1, [AHEAD]),
        (Shelf(head=5, closed_seq=5), 5, 6, []),
        (Shelf(head=5, closed_seq=5), 99, 6, []),
        (Shelf(head=9, first_seq=4), 3, 4, []),
        (Shelf(head=9, first_seq=4), 2, 4, [PRUNED]),
        (Shelf(head=9, first_seq=4), 0, 4, [PRUNED]),
        (Shelf(head=9, first_seq=4), 10, 4, [AHEAD]),
        (Shelf(head=9, first_seq=4, closed_seq=9), 0, 4, [PRUNED]),
    ],
)
async def test_a_cursor_outside_what_exists_starts_over_and_says_why(
    shelf: Shelf, cursor: int, first: int, reasons: list[str]
) -> None:
    steps = await followed(shelf, cursor)
    assert numbers(steps) == list(range(first, shelf.topic.head + 1))
    assert resets(steps) == reasons


async def test_the_confirmation_counts_what_was_replayed() -> None:
    (confirmed,) = [
        step for step in await followed(Shelf(head=9, first_seq=4), 0) if isinstance(step, CaughtUp)
    ]
    assert confirmed == CaughtUp(replayed=6, cursor=9, live=True)


async def test_events_that_are_pruned_under_a_follower_are_told_as_gone() -> None:
    shelf, seen = Shelf(head=9, closed_seq=9), []
    async for step in replay.follow(shelf, shelf.topic.stream_id, 0):  # type: ignore[arg-type]
        seen.append(step)
        if len(seen) == 1:
            shelf.topic.update(Header(9, 8, 9, "research"), None)
    assert numbers(seen) == [1, 2, 8, 9]
    assert resets(seen) == [PRUNED]


async def test_a_cursor_at_the_end_is_told_done_without_a_number() -> None:
    assert await followed(Shelf(head=5, closed_seq=5), 5) == [
        CaughtUp(replayed=0, cursor=5, live=False),
        Frame(
            b'{"v":1,"event":"done","data":'
            b'{"entity_id":"00000000-0000-0000-0000-000000000001","channel":"research"}}'
        ),
    ]


async def test_a_stream_that_does_not_exist_is_gone() -> None:
    shelf = Shelf(head=0)
    shelf.topic.lose()
    assert await followed(shelf, 0) == [Gone()]
