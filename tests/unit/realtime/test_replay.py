from __future__ import annotations

from uuid import UUID

import pytest

from realtime import replay
from realtime.hub import Topic

AHEAD = "cursor is ahead of the stream"
PRUNED = "older events were pruned"


def topic(head: int, first_seq: int = 1, closed_seq: int | None = None) -> Topic:
    made = Topic(UUID(int=1))
    made.head, made.first_seq, made.closed_seq, made.channel = head, first_seq, closed_seq, "research"
    return made


@pytest.mark.parametrize(
    ("watched", "cursor", "start", "problem"),
    [
        (topic(head=0), 0, 0, ""),
        (topic(head=5), 0, 0, ""),
        (topic(head=5), 5, 5, ""),
        (topic(head=5), 6, 0, AHEAD),
        (topic(head=0), 1, 0, AHEAD),
        (topic(head=5, closed_seq=5), 5, 5, ""),
        (topic(head=5, closed_seq=5), 99, 99, ""),
        (topic(head=9, first_seq=4), 3, 3, ""),
        (topic(head=9, first_seq=4), 2, 3, PRUNED),
        (topic(head=9, first_seq=4), 0, 3, PRUNED),
        (topic(head=9, first_seq=4), 10, 3, AHEAD),
        (topic(head=9, first_seq=4, closed_seq=9), 0, 3, PRUNED),
    ],
)
def test_a_cursor_outside_what_exists_starts_over_and_says_why(
    watched: Topic, cursor: int, start: int, problem: str
) -> None:
    assert replay.check_cursor(watched, cursor) == (start, problem)


def test_the_answer_to_a_cursor_at_the_end_is_done_without_a_number() -> None:
    assert replay.closing(topic(head=5, closed_seq=5)) == (
        b'{"v":1,"event":"done","data":'
        b'{"entity_id":"00000000-0000-0000-0000-000000000001","channel":"research"}}'
    )
