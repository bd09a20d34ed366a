"""Trying again what may work a moment later, as long as the time allows."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from manticscore.clients.llm.errors import BrokenOff, LlmError, RateLimited, Unavailable

Result = TypeVar("Result")

TRIES = 3
FIRST_WAIT = 0.5
LONGEST_WAIT = 30.0


@dataclass(frozen=True, slots=True)
class Patience:
    """How often and how long. Only what was not paid for is tried again."""

    tries: int = TRIES
    clock: Callable[[], float] = field(default=time.monotonic)
    sleep: Callable[[float], None] = field(default=time.sleep)

    def run(self, call: Callable[[float], Result], seconds: float) -> Result:
        """The result of `call`, which is given the seconds that are left."""
        ends = self.clock() + seconds
        failures = 0
        while True:
            try:
                return call(ends - self.clock())
            except LlmError as error:
                failures += 1
                wait = wait_before(error, failures)
                if wait is None or failures >= self.tries or self.clock() + wait >= ends:
                    raise
            self.sleep(wait)


def wait_before(error: LlmError, failures: int) -> float | None:
    """Seconds until another try may work; None when it will not, or would cost again."""
    if isinstance(error, RateLimited) and error.retry_after is not None:
        return error.retry_after if error.retry_after <= LONGEST_WAIT else None
    if isinstance(error, RateLimited | Unavailable) and not isinstance(error, BrokenOff):
        return min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** (failures - 1)) * random.uniform(0.8, 1.2)
    return None
