"""The part of the hub that needs no database: what it knows of a watched stream."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest

from realtime import hub
from realtime.bell import Bell
from realtime.hub import UNKNOWN, Header, Topic
from realtime.pages import Page


def topic(cursor: int = 0) -> Topic:
    return Topic(UUID(int=1), cursor)


def header(last_seq: int, closed_seq: int | None = None) -> Header:
    return Header(last_seq, 1, closed_seq, "research")


def page(first: int, last: int) -> Page:
    return Page(first, last, b"".join(b"%d\n" % seq for seq in range(first, last + 1)))


def test_the_first_follower_says_where_to_read_and_needs_no_other_query() -> None:
    watched = topic(cursor=3)
    assert (watched.head, watched.position) == (UNKNOWN, 3)
    watched.update(header(5), page(4, 5))
    assert (watched.head, watched.position) == (5, 5)
    found = watched.tail.after(3)
    assert found is not None
    assert found.lines == [b"4", b"5"]


def test_a_first_page_that_ends_before_the_stream_is_not_kept() -> None:
    watched = topic()
    watched.update(header(9), page(1, 4))
    assert watched.head == 9
    assert watched.tail.after(0) is None


def test_events_that_are_read_twice_are_kept_once() -> None:
    watched = topic()
    watched.update(header(2), page(1, 2))
    watched.update(header(4), page(1, 4))
    watched.update(header(4), page(3, 4))
    found = watched.tail.after(0)
    assert found is not None
    assert found.lines == [b"1", b"2", b"3", b"4"]


def test_the_head_moves_as_far_as_was_read() -> None:
    watched = topic()
    watched.update(header(0), None)
    watched.update(header(9), page(1, 4))
    assert watched.head == 4


async def test_a_change_rings_for_everybody_who_follows() -> None:
    watched, bells = topic(), [Bell(), Bell()]
    watched.bells.update(bells)
    asleep = asyncio.create_task(bells[0].sleep())
    await asyncio.sleep(0)
    watched.update(header(1, closed_seq=1), page(1, 1))
    await asleep
    await bells[1].sleep()  # it rang before
    assert watched.closed_seq == 1


def test_a_row_with_a_hole_is_a_defect() -> None:
    assert hub.page_of((UUID(int=1), 9, 1, None, "research", None, None, 0, None, None)) is None
    with pytest.raises(LookupError):
        hub.page_of((UUID(int=1), 9, 1, None, "research", 4, 6, 2, b"4\n6\n", 0.1))
