"""A server of the demonstration's own: `manage.py serve` on a free port, stopped with certainty."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import IO

from django.conf import settings

from manticscore.demo import DemoFailed

START_TIMEOUT = 60.0  # seconds, generous for a machine that is busy with something else
STOP_TIMEOUT = 15.0
LOOK_AGAIN = 0.05
LOG_LINES = 12
HOST = "127.0.0.1"
LISTENING = re.compile(r"^Listening on (http://\S+)", re.MULTILINE)


class Server:
    """The running process and what it printed."""

    def __init__(self, process: subprocess.Popen[bytes], output: IO[bytes]) -> None:
        self._process = process
        self._output = output

    async def url(self) -> str:
        """Where it listens, as soon as it does. Raises DemoFailed when it dies or takes too long."""
        for _ in range(round(START_TIMEOUT / LOOK_AGAIN)):
            found = LISTENING.search(self.log())
            if found:
                return found[1]
            self.check_alive()
            await asyncio.sleep(LOOK_AGAIN)
        raise DemoFailed(f"The server did not listen within {START_TIMEOUT:.0f} s.", self.last_lines())

    def check_alive(self, patience: float = 0.0) -> None:
        """Raises DemoFailed when the process has ended, or does so within `patience` seconds."""
        try:
            status = self._process.wait(patience)
        except subprocess.TimeoutExpired:
            return
        raise DemoFailed(f"The server ended with status {status}.", self.last_lines())

    def log(self) -> str:
        return os.pread(self._output.fileno(), 1 << 20, 0).decode(errors="replace")

    def last_lines(self) -> str:
        return "\n".join(self.log().splitlines()[-LOG_LINES:])

    def stop(self) -> None:
        """Ask it to end; make it end when it does not. Nothing of its group is left afterwards."""
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_TIMEOUT)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


@contextlib.contextmanager
def running() -> Iterator[Server]:
    """A server for the length of the block."""
    # A file without a name: nobody has to empty a pipe, and nothing has to be removed.
    with tempfile.TemporaryFile() as output:
        server: Server | None = None
        try:
            with interrupts_held():
                server = start(output)
            yield server
        finally:
            if server is not None:
                with interrupts_held():
                    server.stop()


def start(output: IO[bytes]) -> Server:
    """Start it in a session of its own: Ctrl-C in the terminal reaches only the demonstration, which
    then stops it in order."""
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "serve", "--host", HOST, "--port", "0"]
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        # The demonstration asks for 127.0.0.1, whatever names this installation is known by.
        env={**os.environ, "ALLOWED_HOSTS": HOST},
    )
    return Server(process, output)


@contextlib.contextmanager
def interrupts_held() -> Iterator[None]:
    """Ctrl-C during the block takes effect at its end, so that no process is started and then forgotten."""
    held: list[int] = []
    previous = signal.signal(signal.SIGINT, lambda number, frame: held.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
        if held:
            signal.raise_signal(signal.SIGINT)
