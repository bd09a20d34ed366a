"""What a follower sleeps on."""

from __future__ import annotations

import asyncio


class Bell:
    """Wakes one sleeper, whoever rings: a stream that moved, a clock, the end of a session.

    A ring is kept until the next sleep, which it cuts short: nothing is missed between looking and
    sleeping. Belongs to one event loop. It is all that an idle follower costs the hub, so it is small.
    """

    __slots__ = ("_rung", "_sleeper", "over")

    def __init__(self) -> None:
        self.over = False
        self._rung = False
        self._sleeper: asyncio.Future[None] | None = None

    def ring(self) -> None:
        self._rung = True
        if self._sleeper is not None and not self._sleeper.done():
            self._sleeper.set_result(None)

    def end(self) -> None:
        """Wake the sleeper for the last time: what it follows is of no interest any more."""
        self.over = True
        self.ring()

    async def sleep(self) -> None:
        """Until the bell rings, or not at all when it has rung since the last sleep."""
        if not self._rung:
            self._sleeper = asyncio.get_running_loop().create_future()
            try:
                await self._sleeper
            finally:
                self._sleeper = None
        self._rung = False
