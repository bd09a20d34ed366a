"""How much memory a server needs while nobody asks anything of it."""

from __future__ import annotations

import time

import psutil

from manticscore.benchmarks import Measurement
from manticscore.benchmarks.server import RunningServer

SETTLE = 3.0  # seconds; the hub, the worker and their first sweeps have run by then


def idle(name: str, server: RunningServer) -> Measurement:
    time.sleep(SETTLE)
    return now(name, server)


def now(name: str, server: RunningServer) -> Measurement:
    """Resident memory of the server process; PostgreSQL is a process of its own and not counted."""
    return Measurement(name, psutil.Process(server.pid).memory_info().rss / 2**20, "MiB")
