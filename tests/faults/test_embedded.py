"""The embedded PostgreSQL under a server: killed, and in places whose names need care."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import httpx

from tests.helpers.installation import Installation, until


def ready(url: str) -> bool:
    try:
        return bool(httpx.get(f"{url}/readyz", timeout=15).json()["status"] == "ready")
    except httpx.HTTPError:
        return False


def test_a_database_that_is_killed_comes_back_by_itself(tmp_path: Path) -> None:
    """In a directory whose name has blanks and quotes, which shells take apart."""
    installation = Installation(tmp_path / "it's my data", None)
    installation.manage("migrate", "-v", "0")
    with installation.serve() as server:
        url = server.url
        until(lambda: ready(url), "the server to be ready")
        pid_file = installation.directory / "postgres" / "postmaster.pid"
        os.kill(int(pid_file.read_text().splitlines()[0]), signal.SIGKILL)
        server.says("died; starting it again")
        until(lambda: ready(url), "the server to be ready again", patience=60)
