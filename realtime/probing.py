"""Asking things that may hang, in a time that is bounded."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Probe(Generic[T]):
    """One question at a time to something that may not answer.

    Whoever asks while it is open waits for the same answer, so that a monitor that asks every second of
    something that hangs leaves one question behind, not one every second. The question is not
    cancelled when somebody stops waiting: that would itself have to wait for what hangs.
    """

    def __init__(self, ask: Callable[[], Awaitable[T]]) -> None:
        self._ask = ask
        self._asking: asyncio.Future[T] | None = None

    async def answer(self, patience: float) -> T:
        """The answer, or what the question raised. Raises TimeoutError after `patience` seconds."""
        asking = self._asking
        if asking is None or asking.done() or asking.get_loop() is not asyncio.get_running_loop():
            asking = self._asking = asyncio.ensure_future(self._ask())
            asking.add_done_callback(_seen)
        await asyncio.wait([asking], timeout=patience)
        if not asking.done():
            raise TimeoutError
        return asking.result()


def _seen(asking: asyncio.Future[T]) -> None:
    """An answer that came too late for everybody is no defect, even when it is an exception."""
    if not asking.cancelled():
        asking.exception()
