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
from pathlib import Path
from typing import Any

from django.template.loader import get_template

from manticscore import errors

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = ROOT / "templates"
WORKER = "manticscore.typesetting.worker"
SECONDS = 30.0  # for a document
TURN_SECONDS = 20.0  # to wait for those before it
BUSY = "Too many documents are being made at the moment"
TOO_LARGE = "The document is too large to be made"

turn = threading.Semaphore()


def pdf(template: str, content: Any) -> bytes:
    """The document that a typst template makes of `content`, which it finds as JSON in `sys.inputs.data`.

    Raises Unavailable when too many others wait, and Unprocessable for a document beyond the limits.
    """
    found: Any = get_template(template)
    data = json.dumps(content, ensure_ascii=False).encode()
    if not turn.acquire(timeout=TURN_SECONDS):
        raise errors.Unavailable(BUSY, retry_after=round(SECONDS))
    try:
        return compiled(Path(found.origin.name), TEMPLATES, data)
    finally:
        turn.release()


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
