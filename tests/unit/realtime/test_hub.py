"""The part of the hub that needs no database: what a topic keeps in memory."""

from __future__ import annotations

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as some

from realtime import hub
from realtime.hub import PAGE, TAIL_BYTES, Line, Topic

BATCHES = some.lists(
    some.lists(some.integers(1, TAIL_BYTES // 3), max_size=12),  # sizes of the lines read together
    max_size=12,
)


def topic() -> Topic:
    return Topic(UUID(int=1))


def lines(sizes: list[int], after: int = 0) -> list[Line]:
    return [(after + number, b"x" * size) for number, size in enumerate(sizes, 1)]


@given(BATCHES, some.integers(0, 30), some.integers(0, 160))
def test_a_tail_gives_exactly_the_lines_after_a_cursor_or_says_that_it_cannot(
    batches: list[list[int]], first: int, cursor: int
) -> None:
    watched, every = topic(), []
    for sizes in batches:
        batch = lines(sizes, after=first + len(every))
        watched.extend(batch)
        every += batch
    found = watched.tail_after(cursor)
    if found is None:
        # It cannot: nothing is kept, or what is asked for was let go or came before.
        kept = watched.tail_after(first + len(every) - 1) if every else None
        assert kept == (every[-1:] if every else None)
        assert not every or cursor < first + len(every) - 1
    else:
        assert found == [line for line in every if line[0] > cursor][:PAGE]


@given(BATCHES)
def test_a_tail_stays_within_its_bytes_but_keeps_the_newest_line(batches: list[list[int]]) -> None:
    watched, seq = topic(), 0
    for sizes in batches:
        watched.extend(lines(sizes, after=seq))
        seq += len(sizes)
        kept = next((found for cursor in range(seq) if (found := watched.tail_after(cursor))), [])
        assert sum(len(line) for _, line in kept) <= TAIL_BYTES or len(kept) == 1
        assert not kept or kept[-1][0] == seq


def test_a_line_larger_than_the_tail_is_kept_until_the_next() -> None:
    watched = topic()
    watched.extend([(1, b"x" * (TAIL_BYTES + 1))])
    assert watched.tail_after(0) == [(1, b"x" * (TAIL_BYTES + 1))]
    watched.extend([(2, b"y")])
    assert watched.tail_after(0) is None
    assert watched.tail_after(1) == [(2, b"y")]


def test_a_tail_is_given_out_a_page_at_a_time() -> None:
    watched = topic()
    watched.extend([(number, b"x") for number in range(1, PAGE + 3)])
    first = watched.tail_after(0)
    assert first is not None
    assert [first[0][0], first[-1][0], len(first)] == [1, PAGE, PAGE]
    assert watched.tail_after(PAGE) == [(PAGE + 1, b"x"), (PAGE + 2, b"x")]


def test_nothing_is_kept_before_something_was_read() -> None:
    assert topic().tail_after(0) is None


def test_a_waiter_taken_before_a_change_hears_of_it() -> None:
    watched = topic()
    before = watched.change()
    watched.tell()
    assert before.is_set()
    assert not watched.change().is_set()


def test_a_row_is_encoded_with_the_number_of_the_stream_it_is_read_for() -> None:
    row = (UUID(int=1), 9, 1, None, "project", 4, "done", "{}")
    assert hub.encode(row) == (
        4,
        b'{"v":1,"event":"done","data":{"seq":4,'
        b'"entity_id":"00000000-0000-0000-0000-000000000001","channel":"project"}}',
    )
