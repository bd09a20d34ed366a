"""Doing the same thing at the same time in many threads, each with its own database connection."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import connection

T = TypeVar("T")


def at_once(count: int, step: Callable[[int], T]) -> list[T]:
    """The results of `step(0)` to `step(count - 1)`, all let go together. The first exception is raised."""
    start = threading.Barrier(count)

    def run(number: int) -> T:
        try:
            start.wait(10)
            return step(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(run, range(count)))
