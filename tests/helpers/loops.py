"""Waiting in an event loop for what another thread or process does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from django.db import connection

P = ParamSpec("P")
T = TypeVar("T")
PATIENCE = 20.0  # seconds; only a failing test waits so long


async def in_thread(step: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run synchronous code that uses the database; its connection is given back."""

    def run() -> T:
        try:
            return step(*args, **kwargs)
        finally:
            connection.close()

    return await asyncio.to_thread(run)


async def until(condition: Callable[[], object]) -> None:
    """Wait until the condition holds. It may be about another process, so it is asked again and again."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)
