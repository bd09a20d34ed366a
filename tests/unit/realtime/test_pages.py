"""Runs of events in memory."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as some

from realtime.framing import text_frames
from realtime.pages import TURN_BYTES, Page, Tail, joined

LIMIT = 3 * TURN_BYTES
BATCHES = some.lists(
    some.lists(some.integers(1, TURN_BYTES), min_size=1, max_size=6),  # sizes of the lines read together
    max_size=12,
)


def line(seq: int, size: int) -> bytes:
    return str(seq).encode().ljust(size, b"x")


def page(first: int, *sizes: int) -> Page:
    lines = (line(first + place, size) + b"\n" for place, size in enumerate(sizes))
    return Page(first, first + len(sizes) - 1, b"".join(lines))


def test_a_page_gives_its_events_as_lines_and_as_frames() -> None:
    some_page = page(7, 3, 4)
    assert list(some_page) == [b"7xx", b"8xxx"]
    assert some_page.data == b"7xx\n8xxx\n"
    assert some_page.frames == text_frames([b"7xx", b"8xxx"])
    assert len(some_page) == 2


@given(some.integers(0, 12), some.integers(0, 12))
def test_a_part_of_a_page_is_a_page(cursor: int, until: int) -> None:
    whole = page(3, 1, 2, 3, 4, 5)
    wanted = [seq for seq in range(3, 8) if cursor < seq <= until]
    if wanted:
        part = whole.between(cursor, until)
        assert (part.first, part.last) == (wanted[0], wanted[-1])
        assert part.lines == whole.lines[wanted[0] - 3 : wanted[-1] - 2]
        assert part.data == b"".join(kept + b"\n" for kept in part.lines)


def test_all_readers_of_the_same_events_share_them() -> None:
    tail = Tail()
    newest = page(1, 5, 5)
    tail.extend(newest)
    assert tail.after(0) is newest


def test_pages_become_one() -> None:
    whole = joined([page(1, 2, 2), page(3, 2), page(4, 9)])
    assert (whole.first, whole.last, whole.lines) == (1, 4, page(1, 2, 2, 2, 9).lines)


@given(BATCHES, some.integers(1, 30), some.integers(0, 160))
def test_a_tail_gives_the_events_after_a_cursor_or_says_that_it_cannot(
    batches: list[list[int]], first: int, cursor: int
) -> None:
    tail, seq = Tail(), first
    for sizes in batches:
        tail.extend(page(seq, *sizes))
        tail.trim(LIMIT)
        seq += len(sizes)
    found = tail.after(min(cursor, seq - 2))
    if found is None:
        kept = tail.after(seq - 2)
        assert not batches or (kept is not None and kept.last == seq - 1 and cursor < kept.first)
    else:
        assert found.first == min(cursor, seq - 2) + 1
        assert found.lines[0].startswith(str(found.first).encode())
        assert len(found.lines) == len(found)
        assert found.last == seq - 1 or len(found.data) >= TURN_BYTES - TURN_BYTES  # a turn ends early


@given(BATCHES)
def test_a_tail_stays_within_its_bytes_but_keeps_the_newest_page(batches: list[list[int]]) -> None:
    tail, seq = Tail(), 1
    for sizes in batches:
        newest = page(seq, *sizes)
        tail.extend(newest)
        tail.trim(LIMIT)
        seq += len(sizes)
        assert tail.size <= LIMIT or tail.size == len(newest.data)
        assert tail.after(newest.first - 1) is newest


def test_a_turn_is_cut_between_pages_so_that_others_have_theirs() -> None:
    tail = Tail()
    for seq in range(1, 9):
        tail.extend(page(seq, TURN_BYTES // 2))
    turn = tail.after(0)
    assert turn is not None
    assert (turn.first, turn.last) == (1, 2)


def test_nothing_is_kept_before_something_was_read() -> None:
    assert Tail().after(0) is None
