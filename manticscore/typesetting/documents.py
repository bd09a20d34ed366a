"""Having documents made.

A long document takes seconds and hundreds of megabytes, which typst keeps for the next one: the process ends
with the document, has a limit for memory, and there is one at a time. What a document says is handed over
as data, never as markup, and the process has no secrets in its environment.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.template.loader import get_template

from manticscore import errors

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = ROOT / "templates"
WORKER = "manticscore.typesetting.worker"
SECONDS = 30.0  # for a document
TURN_SECONDS = 5.0  # to wait for those before it, each in a thread of its request
MAX_WAITING = 4
BUSY = "Too many documents are being made at the moment"
TOO_LARGE = "The document is too large to be made"

turn = threading.Semaphore()
places = threading.Semaphore(1 + MAX_WAITING)  # for the one that is made and those that wait


def pdf(template: str, content: Any) -> bytes:
    """The document that a typst template makes of `content`, which it finds as JSON in `sys.inputs.data`.

    Raises Unavailable when too many others wait, and Unprocessable for a document beyond the limits.
    """
    found: Any = get_template(template)
    data = json.dumps(content, ensure_ascii=False).encode()
    with held(places, 0), held(turn, TURN_SECONDS):
        return compiled(Path(found.origin.name), TEMPLATES, data)


@contextmanager
def held(semaphore: threading.Semaphore, seconds: float) -> Iterator[None]:
    """Raises Unavailable when it is not free within that time."""
    if not semaphore.acquire(timeout=seconds):
        raise errors.Unavailable(BUSY, retry_after=round(SECONDS))
    try:
        yield
    finally:
        semaphore.release()


def compiled(template: Path, root: Path, data: bytes) -> bytes:
    """A template reads nothing outside of `root`. Raises Unprocessable."""
    environment = {"PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8"}
    command = [sys.executable, "-m", WORKER, str(template), str(root)]
    try:
        done = subprocess.run(
            command, input=data, capture_output=True, timeout=SECONDS, check=True, cwd=ROOT, env=environment
        )
    except subprocess.TimeoutExpired:
        raise errors.Unprocessable(TOO_LARGE) from None
    except subprocess.CalledProcessError as error:
        if error.returncode < 0:  # ended by a signal, as out of memory
            raise errors.Unprocessable(TOO_LARGE) from None
        raise
    return done.stdout
