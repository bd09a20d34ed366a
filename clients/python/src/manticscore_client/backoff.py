"""Waiting between attempts: longer every time, and never in step with other clients."""

from __future__ import annotations

import asyncio
import random
import time

from manticscore_client.exceptions import ConnectionLost
from manticscore_client.timing import Timing


class Backoff:
    """Attempts since something last came through."""

    def __init__(self, timing: Timing) -> None:
        self._timing = timing
        self.reset()

    def reset(self) -> None:
        """Something came through."""
        self._failures = 0
        self._last_success = time.monotonic()

    def delay(self) -> float:
        """Half of it is chance: clients that lost the same server do not come back all at once."""
        # The exponent is bounded so that a long outage does not overflow a float.
        ceiling = min(self._timing.longest_wait, self._timing.first_wait * 2.0 ** min(self._failures, 30))
        return random.uniform(ceiling / 2, ceiling)

    async def wait(self, cause: Exception, at_least: float = 0.0) -> None:
        """Sleep before the next attempt. Raises ConnectionLost when patience has run out."""
        if time.monotonic() - self._last_success > self._timing.patience:
            raise ConnectionLost(f"gave up after {self._timing.patience:.0f} s: {cause!r}") from cause
        delay = max(self.delay(), at_least)
        self._failures += 1
        await asyncio.sleep(delay)
