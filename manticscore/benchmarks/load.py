"""The load generator as the measurements see it: a process full of readers, and what it reports."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.conf import settings

AT_ONCE = 20  # handshakes
KEPT = 2  # readers whose events are parsed as a whole
TIMEOUT = 60.0  # seconds

Script = list[tuple[str, str]]


class Lost(Exception):
    """Events were lost, doubled or out of order; a speed means nothing then."""


class Late(Lost):
    """Events did not come in time."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """What all readers together got; `lags` are when an event was sent and its delay, in microseconds."""

    events: int
    last: float
    lags: list[tuple[int, int]]


class Readers:
    """A running process of readers. Times are of the wall clock."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        told = self._hear()
        self.began: float = told["began"]
        self.connected: float = told["connected"]

    def arrival(self) -> Arrival:
        """Once every reader has what it waits for. Raises Lost or Late."""
        told = self._hear()
        if told["problems"]:
            first, *others = told["problems"]
            raise Lost(f"{first} ({len(others)} other readers had problems)" if others else first)
        if told["late"]:
            raise Late(f"{told['late']} readers did not get all events in time")
        return Arrival(told["events"], told["last"], [(at, lag) for at, lag in told["lags"]])

    def _hear(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise Lost("the readers could not connect")
        told: dict[str, Any] = json.loads(line)
        return told


@contextmanager
def reading(
    address: tuple[str, int],
    scripts: Sequence[Script],
    events: int,
    *,
    timed: bool = False,
    keep: int = KEPT,
    timeout: float = TIMEOUT,
) -> Iterator[Readers]:
    """A reader for each script, connected, until the end of the block. Each waits for `events`."""
    plan = {
        "host": address[0],
        "port": address[1],
        "scripts": scripts,
        "events": events,
        "timed": timed,
        "timeout": timeout,
        "at_once": AT_ONCE,
        "keep": keep,
    }
    command = [sys.executable, "-m", "manticscore.benchmarks.followers"]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=settings.BASE_DIR
    )
    try:
        assert process.stdin
        process.stdin.write(json.dumps(plan) + "\n")
        process.stdin.flush()
        yield Readers(process)
    finally:
        process.kill()
        process.communicate()
