"""A real server process over the throw-away database, and the little of HTTP that a measurement needs."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO

import httpx
from cryptography.fernet import Fernet
from django.conf import settings

HOST = "127.0.0.1"
LISTENING = re.compile(r"^Listening on (http://\S+)", re.MULTILINE)
START_TIMEOUT = 60.0  # seconds
STOP_TIMEOUT = 15.0
LOOK_AGAIN = 0.05


class ServerFailed(Exception):
    """The server did not start; the message holds its last words."""


@dataclass(frozen=True, slots=True)
class RunningServer:
    url: str
    pid: int

    def client(self) -> httpx.Client:
        # Straight to the server: a proxy from the environment has no business with loopback.
        return httpx.Client(base_url=self.url, timeout=START_TIMEOUT, trust_env=False)

    def wait_until_ready(self) -> None:
        """Until requests and jobs are served."""
        give_up_at = time.monotonic() + START_TIMEOUT
        with self.client() as client:
            while client.get("/readyz").json().get("status") != "ready":
                if time.monotonic() > give_up_at:
                    raise ServerFailed("the server did not become ready")
                time.sleep(LOOK_AGAIN)


@contextlib.contextmanager
def running(conninfo: str, *options: str, **more: str) -> Iterator[RunningServer]:
    """`manage.py serve` on a free port for the length of the block, in the mode this process is in."""
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "serve", "--host", HOST, "--port", "0"]
    with started([*command, *options], {**environment(conninfo), **more}) as (url, process):
        yield RunningServer(url, process.pid)


@contextlib.contextmanager
def started(command: Sequence[str], told: Mapping[str, str]) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A server process that says where it listens, for the length of the block."""
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches only this process, which then stops the server in order
            cwd=settings.BASE_DIR,
            env=told,
        )
        try:
            yield url(process, output), process
        finally:
            stop(process)


def environment(conninfo: str) -> dict[str, str]:
    """The server must take the database it is told, so the embedded one is presented like any other."""
    inherited = {name: value for name, value in os.environ.items() if name != "DATABASE_IS_EMBEDDED"}
    told = {
        "DATABASE_URL": conninfo,
        "DEBUG": "1" if settings.DEBUG else "0",
        "ALLOWED_HOSTS": HOST,
        "RATELIMIT_ENABLE": "0",
        "CREDITS_ENFORCED": "0",
        "FIELD_KEYS": Fernet.generate_key().decode(),  # nothing of it outlives the database
    }
    return inherited | told


def url(process: subprocess.Popen[bytes], output: IO[bytes]) -> str:
    give_up_at = time.monotonic() + START_TIMEOUT
    while time.monotonic() < give_up_at:
        log = os.pread(output.fileno(), 1 << 20, 0).decode(errors="replace")
        found = LISTENING.search(log)
        if found:
            return found[1]
        if process.poll() is not None:
            raise ServerFailed(f"the server ended with status {process.returncode}:\n{log[-2000:]}")
        time.sleep(LOOK_AGAIN)
    raise ServerFailed(f"the server did not listen within {START_TIMEOUT:.0f} s")


def stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP_TIMEOUT)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
