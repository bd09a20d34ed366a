"""Token buckets with a clock that is only a number."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from manticscore.lib.bucket import TokenBucket

START = 100.0


def test_it_is_full_at_first_and_then_fills_at_its_rate() -> None:
    bucket = TokenBucket(rate=2, burst=3, now=START)
    assert [bucket.take(START) for _ in range(4)] == [True, True, True, False]
    assert bucket.wait(START) == pytest.approx(0.5)
    assert not bucket.take(START + 0.25)
    assert bucket.wait(START + 0.3) == pytest.approx(0.2)
    assert bucket.take(START + 0.5)
    assert not bucket.take(START + 0.5)


def test_it_holds_no_more_than_its_burst() -> None:
    bucket = TokenBucket(rate=10, burst=2, now=START)
    assert [bucket.take(START + 1000) for _ in range(3)] == [True, True, False]
    assert bucket.wait(START + 1001) == 0


@given(some.lists(some.integers(0, 64), max_size=200))
def test_no_span_of_time_gives_more_than_the_burst_and_the_rate(waits: list[int]) -> None:
    bucket, now, taken = TokenBucket(rate=0.25, burst=4, now=0), 0, []
    for wait in waits:
        now += wait
        if bucket.take(now):
            taken.append(now)
    for first in range(len(taken)):
        for last in range(first, len(taken)):
            assert last - first + 1 <= 4 + (taken[last] - taken[first]) * 0.25
