"""Many askers, one statement.

While a statement is on its way, further askers gather; the next statement answers all of them. Under load
a read then costs a fraction of a round trip, alone it costs one. Nothing is kept: every answer was read
after it was asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

MAX_BATCH = 100

Row = tuple[Any, ...]
Fetch = Callable[[str, Any], Awaitable[list[Row]]]
Asker = tuple[Mapping[str, Any], asyncio.Future[list[Row]]]


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """A SELECT over the table `want`, a row per asker. `columns` are what askers give, with their types.

    Its first result column must be `want.n`, which tells the askers apart.
    """

    select: str
    columns: Mapping[str, str]

    def statement(self) -> str:
        arrays = ", ".join(f"%({name})s::{kind}[]" for name, kind in self.columns.items())
        names = ", ".join(self.columns)
        return (
            f"WITH want AS (SELECT * FROM unnest({arrays}) WITH ORDINALITY AS t ({names}, n)) {self.select}"
        )


class Batches:
    """Questions of one process, asked through `fetch`. Belongs to one event loop."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._waiting: dict[Question, list[Asker]] = {}
        self._working: set[Question] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def ask(self, question: Question, **values: Any) -> list[Row]:
        """The asker's rows, without `n`."""
        answer: asyncio.Future[list[Row]] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(question, []).append((values, answer))
        if question not in self._working:
            self._working.add(question)
            # A task of its own: the first asker may leave, the others still want their answers.
            task = asyncio.create_task(self._work(question), name="batched reads")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await answer

    async def _work(self, question: Question) -> None:
        try:
            while waiting := self._waiting.pop(question, []):
                askers, later = waiting[:MAX_BATCH], waiting[MAX_BATCH:]
                if later:
                    self._waiting[question] = later
                await self._answer(question, askers)
        finally:
            self._working.discard(question)

    async def _answer(self, question: Question, askers: list[Asker]) -> None:
        parameters = {name: [values[name] for values, _ in askers] for name in question.columns}
        rows: list[list[Row]] = [[] for _ in askers]
        try:
            for n, *row in await self._fetch(question.statement(), parameters):
                rows[n - 1].append(tuple(row))
        except Exception as error:  # everybody who asked hears of it
            settle(askers, error)
        else:
            settle(askers, rows)


def settle(askers: list[Asker], result: Exception | list[list[Row]]) -> None:
    for number, (_, answer) in enumerate(askers):
        if answer.done():
            continue  # its asker has left
        if isinstance(result, Exception):
            answer.set_exception(result)
        else:
            answer.set_result(result[number])
