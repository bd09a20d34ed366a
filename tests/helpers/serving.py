"""A real `manage.py serve` on the test database, or our server alone, and everything it writes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from cryptography.fernet import Fernet

from manticscore.embedded_postgres import BASE_DIR
from realtime.hub import conninfo

LISTENING = re.compile(r"Listening on http://127\.0\.0\.1:(\d+)")
PATIENCE = 30.0  # seconds


@dataclass(frozen=True)
class Served:
    port: int
    output: Path
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=20, trust_env=False)

    @property
    def log(self) -> str:
        return self.output.read_text(errors="replace")


MANAGE = [str(BASE_DIR / "manage.py"), "serve", "--no-worker", "--port", "0"]
PLAIN = ["-m", "tests.helpers.plain"]


@contextmanager
def served(directory: Path, arguments: Sequence[str] = MANAGE, **environment: str) -> Iterator[Served]:
    """The server for the length of the block; it is stopped in order, so the log is complete after it."""
    output = directory / "server.log"
    told = {
        "DATABASE_URL": conninfo(),
        "FIELD_KEYS": Fernet.generate_key().decode(),
        "PYTHONUNBUFFERED": "1",
        **environment,
    }
    inherited = {name: value for name, value in os.environ.items() if name != "DATABASE_IS_EMBEDDED"}
    command = [sys.executable, *arguments]
    with output.open("wb") as file:
        process = subprocess.Popen(
            command, stdout=file, stderr=subprocess.STDOUT, env=inherited | told, cwd=BASE_DIR
        )
    try:
        yield Served(wait_for_port(process, output), output, process)
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        finally:
            process.kill()


def wait_for_port(process: subprocess.Popen[bytes], output: Path) -> int:
    give_up_at = time.monotonic() + PATIENCE
    while time.monotonic() < give_up_at and process.poll() is None:
        found = LISTENING.search(output.read_text(errors="replace"))
        if found:
            return int(found[1])
        time.sleep(0.05)
    raise AssertionError(f"the server did not start:\n{output.read_text(errors='replace')}")
