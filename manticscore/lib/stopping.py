"""Stopping long work between two steps, when the process is told to end."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Stop:
    """Whether it is time to stop. A second signal ends the process at once, as if nobody listened."""

    def __init__(self) -> None:
        self.requested = False

    def __bool__(self) -> bool:
        return self.requested


@contextmanager
def stop_on_signals() -> Iterator[Stop]:
    """Hear SIGTERM and Ctrl-C for the length of the block. For the main thread."""
    stop = Stop()

    def hear(number: int, frame: FrameType | None) -> None:
        stop.requested = True
        for each in SIGNALS:
            signal.signal(each, before[each])

    before = {number: signal.signal(number, hear) for number in SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
