"""Reads that are answered together."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from realtime.batching import MAX_BATCH, Batches, Question, Row

DOUBLED = Question("SELECT n, number * 2 FROM want", {"number": "int"})


class Database:
    """Doubles numbers, when it is allowed to."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []
        self.may_answer = asyncio.Event()
        self.failure: Exception | None = None

    async def fetch(self, query: str, parameters: Any) -> list[Row]:
        self.asked.append(parameters["number"])
        await self.may_answer.wait()
        if self.failure:
            raise self.failure
        return [(n, number * 2) for n, number in enumerate(parameters["number"], 1) if number]


async def asking(batches: Batches, numbers: Any) -> list[asyncio.Task[list[Row]]]:
    tasks = [asyncio.create_task(batches.ask(DOUBLED, number=number)) for number in numbers]
    for _ in range(3):
        await asyncio.sleep(0)
    return tasks


async def test_those_who_come_during_a_statement_share_the_next() -> None:
    database = Database()
    batches = Batches(database.fetch)
    tasks = await asking(batches, [1])
    tasks += await asking(batches, [2, 3, 4])
    database.may_answer.set()
    assert await asyncio.gather(*tasks) == [[(2,)], [(4,)], [(6,)], [(8,)]]
    assert database.asked == [[1], [2, 3, 4]]


async def test_nothing_is_remembered() -> None:
    database = Database()
    database.may_answer.set()
    batches = Batches(database.fetch)
    for _ in range(2):
        assert await batches.ask(DOUBLED, number=5) == [(10,)]
    assert database.asked == [[5], [5]]


async def test_no_row_for_one_of_many() -> None:
    database = Database()
    database.may_answer.set()
    tasks = await asking(Batches(database.fetch), [1, 0, 2])
    assert await asyncio.gather(*tasks) == [[(2,)], [], [(4,)]]


async def test_batches_are_bounded() -> None:
    database = Database()
    database.may_answer.set()
    tasks = await asking(Batches(database.fetch), range(1, MAX_BATCH + 6))
    await asyncio.gather(*tasks)
    assert [len(batch) for batch in database.asked] == [MAX_BATCH, 5]


async def test_everybody_hears_of_a_failure_and_the_next_are_served() -> None:
    database = Database()
    database.may_answer.set()
    database.failure = OSError("gone")
    batches = Batches(database.fetch)
    results = await asyncio.gather(*(await asking(batches, [1, 2])), return_exceptions=True)
    assert all(isinstance(result, OSError) for result in results)
    database.failure = None
    assert await batches.ask(DOUBLED, number=1) == [(2,)]


async def test_asker_that_leaves_does_not_take_the_others_along() -> None:
    database = Database()
    first, second = await asking(Batches(database.fetch), [1, 2])
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    database.may_answer.set()
    assert await second == [(4,)]


def test_statement_names_and_types_what_is_asked() -> None:
    assert DOUBLED.statement() == (
        "WITH want AS (SELECT * FROM unnest(%(number)s::int[]) WITH ORDINALITY AS t (number, n))"
        " SELECT n, number * 2 FROM want"
    )
