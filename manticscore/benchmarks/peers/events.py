"""The same events for everybody: the envelope of our own, numbered by whoever sends them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from typing import Any

Order = dict[str, Any]  # what is to be sent: streams, events for each, batch, rate of all together, size


def event(stream: str, number: int, at: float, size: int) -> dict[str, Any]:
    """An event that was due `at` a time of the wall clock."""
    message = f"at={int(at * 1e6)} ".ljust(size, "x")
    fields = {"seq": number, "entity_id": stream, "channel": "research", "stage": "emit", "message": message}
    return {"v": 1, "event": "progress", "data": fields}


def encoded(stream: str, number: int, at: float, size: int) -> str:
    return json.dumps(event(stream, number, at, size), separators=(",", ":"))


def turns(streams: Sequence[str], events: int, batch: int) -> Iterator[tuple[str, range]]:
    """Stream and numbers of every batch, the streams in turns."""
    for start in range(1, events + 1, batch):
        for stream in streams:
            yield stream, range(start, min(start + batch, events + 1))


class Pacer:
    """When to send: events that are late are sent without waiting, so that the rate is kept."""

    def __init__(self, rate: float) -> None:
        self.first = time.time()
        self.written = 0
        self._rate = rate
        self._due = self.first

    def due(self) -> float:
        """When the next event should be sent."""
        self._due = self.first + self.written / self._rate if self._rate else time.time()
        return self._due

    def told(self) -> dict[str, float]:
        last = time.time()
        return {"events": self.written, "first": self.first, "last": last, "behind": last - self._due}
