from __future__ import annotations

import asyncio

import pytest

from realtime.probing import Probe


class Slow:
    """Something that answers when it is let go; counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.answering = asyncio.Event()

    async def __call__(self) -> int:
        self.asked += 1
        await self.answering.wait()
        return self.asked


async def test_whoever_asks_meanwhile_gets_the_same_answer() -> None:
    slow = Slow()
    probe = Probe(slow)
    together = [asyncio.ensure_future(probe.answer(20)) for _ in range(3)]
    await asyncio.sleep(0)
    slow.answering.set()
    assert await asyncio.gather(*together) == [1, 1, 1]
    assert await probe.answer(20) == 2, "an answer is not kept"


async def test_nobody_waits_longer_than_he_will_and_the_question_stays() -> None:
    slow = Slow()
    probe = Probe(slow)
    for _ in range(3):
        with pytest.raises(TimeoutError):
            await probe.answer(0)
    slow.answering.set()
    assert await probe.answer(20) == 1


async def test_a_failure_is_told_and_the_next_one_asks_again() -> None:
    failures = iter([OSError("no"), None])

    async def ask() -> str:
        if failure := next(failures):
            raise failure
        return "yes"

    probe = Probe(ask)
    with pytest.raises(OSError, match="no"):
        await probe.answer(20)
    assert await probe.answer(20) == "yes"


def test_a_question_of_a_loop_that_is_gone_is_forgotten() -> None:
    async def hang() -> None:
        await asyncio.Event().wait()

    async def impatient() -> None:
        with pytest.raises(TimeoutError):
            await probe.answer(0)

    probe = Probe(hang)
    asyncio.run(impatient())
    asyncio.run(impatient())
