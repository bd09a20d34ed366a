"""Politeness: one host is visited at intervals, by however many threads and loops of this process."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable


class Turns:
    """Gives out times to visit a host, `gap` seconds apart."""

    def __init__(self, gap: float, *, hosts: int = 5000, clock: Callable[[], float] = time.monotonic) -> None:
        self._gap = gap
        self._hosts = hosts
        self._clock = clock
        self._free_at: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, host: str, longest: float, delay: float = 0.0) -> float | None:
        """Seconds to wait for the next turn, which is then taken; None when that is over `longest`."""
        with self._lock:
            now = self._clock()
            turn = max(now, self._free_at.get(host, now))
            if turn - now > longest:
                return None
            self._free_at[host] = turn + max(self._gap, delay)
            self._free_at.move_to_end(host)
            while len(self._free_at) > self._hosts:
                self._free_at.popitem(last=False)
            return turn - now
