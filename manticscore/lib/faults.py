"""Named crash points: where a test makes the process die, or freeze, as if from outside.

`CRASH_AT=analyze:computed` sends the process SIGKILL, or what CRASH_SIGNAL names, when that point is
reached. With CRASH_ONCE it happens one time only: the file of that name, made then, keeps every other
process alive.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

_point = os.environ.get("CRASH_AT")
_marker = os.environ.get("CRASH_ONCE")
_signal = signal.Signals[os.environ.get("CRASH_SIGNAL", "SIGKILL")]


def crash_point(name: str) -> None:
    """Does nothing unless the environment names this point."""
    if _point is None or _point != name:
        return
    if _marker:
        try:
            Path(_marker).touch(exist_ok=False)
        except FileExistsError:
            return
    os.kill(os.getpid(), _signal)
