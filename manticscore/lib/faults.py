"""Named crash points: where a test makes the process die as if it were killed.

`CRASH_AT=analyze:computed` ends the process, without any clean-up, the first time that point is reached
after the marker file named by `CRASH_ONCE` is absent; the marker keeps the restarted process alive.
"""

from __future__ import annotations

import os
from pathlib import Path

KILLED = 137
_point = os.environ.get("CRASH_AT")
_marker = os.environ.get("CRASH_ONCE")


def crash_point(name: str) -> None:
    """Does nothing unless the environment names this point."""
    if _point is None or _point != name:
        return
    if _marker:
        try:
            Path(_marker).touch(exist_ok=False)
        except FileExistsError:
            return
    os._exit(KILLED)
