"""The main text of HTML, taken out by trafilatura in a process of its own.

A page can make a parser run for ever or fill the memory. The process has a limit for memory and no
secrets in its environment; one page too many seconds costs that process, and nothing else.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from manticscore.clients.extraction import framing

ROOT = Path(__file__).resolve().parents[3]
WORKER = "manticscore.clients.extraction.worker"
MAX_HTML = 1_500_000  # characters that are looked at
START_SECONDS = 20.0
PAGE_SECONDS = 6.0


@dataclass(frozen=True, slots=True)
class Extracted:
    """What a page says. `text` is its main part, `everything` all that a reader could see."""

    text: str
    everything: str
    title: str
    site: str
    published_on: str
    language: str


class Extractor:
    """Reads one page after another; used as a context manager, by one thread."""

    def __init__(self, seconds: float = PAGE_SECONDS) -> None:
        self._seconds = seconds
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def extract(self, html: str, url: str) -> Extracted | None:
        """None for a page without text, and for one that cannot be read within the limits."""
        process = self._process or self._start()
        question = json.dumps({"html": html[:MAX_HTML], "url": url}).encode()
        answer = within(self._seconds, process, lambda: ask(process, question)) if process else None
        if answer is None:
            self._stop()
        return Extracted(**answer) if answer else None

    def _start(self) -> subprocess.Popen[bytes] | None:
        """A process that said that it is ready; None when it did not in time."""
        self._process = process = subprocess.Popen(
            [sys.executable, "-m", WORKER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=ROOT,
            env={"PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8"},
        )
        return process if within(START_SECONDS, process, lambda: listen(process)) is not None else None

    def _stop(self) -> None:
        if self._process is not None:
            process, self._process = self._process, None
            process.kill()
            for each in (process.stdin, process.stdout):
                with suppress(OSError):
                    pipe(each).close()
            process.wait()


def within(
    seconds: float, process: subprocess.Popen[bytes], step: Callable[[], dict[str, Any] | None]
) -> dict[str, Any] | None:
    """The step's answer. A process that takes longer is killed, which ends every wait for it."""
    watch = threading.Timer(seconds, process.kill)
    watch.start()
    try:
        return step()
    finally:
        watch.cancel()


def ask(process: subprocess.Popen[bytes], question: bytes) -> dict[str, Any] | None:
    with suppress(OSError, ValueError):
        framing.write(pipe(process.stdin), question)
        return listen(process)
    return None


def listen(process: subprocess.Popen[bytes]) -> dict[str, Any] | None:
    """What the process says next: {} for a page without text, None when it is dead or talks nonsense."""
    with suppress(OSError, ValueError):
        said = framing.read(pipe(process.stdout))
        found = json.loads(said) if said is not None else None
        return found if isinstance(found, dict) else None
    return None


def pipe(file: IO[bytes] | None) -> IO[bytes]:
    assert file is not None
    return file
