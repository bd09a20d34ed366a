from __future__ import annotations

import threading
import time
from pathlib import Path

from procrastinate.contrib.django import app


@app.task(name="busy.compute")
def compute(seconds: float) -> None:
    """Python code that never waits."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        sum(range(10_000))


@app.task(name="busy.block")
async def block(seconds: float) -> None:
    """A mistake: the worker's event loop stands still meanwhile."""
    time.sleep(seconds)  # noqa: ASYNC251


@app.task(name="busy.hang")
def hang(marker: str) -> None:
    """The first execution never ends, others do at once."""
    try:
        Path(marker).touch(exist_ok=False)
    except FileExistsError:
        return
    threading.Event().wait()
