"""Leaving a source alone that keeps failing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

FAILURES = 3  # in a row
PAUSE = 120.0  # seconds


@dataclass(slots=True)
class Health:
    failures: int = 0
    closed_until: float = 0.0


class Breaker:
    """Counts failures by source. After a pause one question is let through, and its answer decides."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._health: dict[str, Health] = {}
        self._lock = threading.Lock()

    def allows(self, source: str) -> bool:
        with self._lock:
            health = self._health.setdefault(source, Health())
            now = self._clock()
            if now < health.closed_until:
                return False
            if health.failures >= FAILURES:
                health.closed_until = now + PAUSE  # whoever comes while this one asks
            return True

    def succeeded(self, source: str) -> None:
        with self._lock:
            self._health.pop(source, None)

    def failed(self, source: str) -> None:
        with self._lock:
            health = self._health.setdefault(source, Health())
            health.failures += 1
            if health.failures >= FAILURES:
                health.closed_until = self._clock() + PAUSE

    def forget(self) -> None:
        with self._lock:
            self._health.clear()
