"""The installation that is broken: its own PostgreSQL, Redis, web processes, workers, writer and proxy."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import shutil
import signal
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from cryptography.fernet import Fernet

from manticscore import embedded_postgres
from manticscore.chaos import ChaosFailed, processes
from manticscore.chaos.processes import HOST, Service, Supervised
from manticscore.chaos.proxy import Proxy

WEB_PROCESSES = 2
WORKERS = 2
PATIENCE = 60.0  # seconds to wait for the database
LOOK_AGAIN = 0.1
HEARTBEAT = 2  # seconds between signs of life of a quiet stream


@dataclass
class Installation:
    """Everything that runs, and the handles to hurt it."""

    directory: Path
    database_url: str
    environment: dict[str, str]
    redis: Service
    web: list[Service]
    workers: list[Supervised]
    proxy: Proxy
    url: str = ""
    writer: Supervised | None = None

    def supervised(self) -> list[Supervised]:
        writer = [self.writer] if self.writer is not None else []
        return [*self.web, *self.workers, *writer]

    async def query(self, text: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Rows, however often the database goes away meanwhile. For statements that may be repeated."""
        give_up_at = asyncio.get_running_loop().time() + PATIENCE
        while True:
            try:
                return await self.query_once(text, *parameters)
            except psycopg.OperationalError as error:
                if asyncio.get_running_loop().time() > give_up_at:
                    raise ChaosFailed(f"The database does not come back: {error}") from error
                await asyncio.sleep(LOOK_AGAIN)

    async def query_once(self, text: str, *parameters: Any) -> list[tuple[Any, ...]]:
        connection = await psycopg.AsyncConnection.connect(self.database_url, autocommit=True)
        async with connection:
            cursor = await connection.execute(text.encode(), parameters)
            return await cursor.fetchall() if cursor.description else []

    async def restart_database(self) -> None:
        """Immediate: no session is asked, no buffer written; the log is replayed at the start."""
        pid_file = self.directory / "postgres" / "postmaster.pid"
        os.kill(int(pid_file.read_text().split()[0]), signal.SIGQUIT)
        await asyncio.to_thread(self._revive_database)

    def _revive_database(self) -> None:
        while not embedded_postgres.revive():
            time.sleep(LOOK_AGAIN)

    def start_writer(self, *arguments: str) -> Supervised:
        command = processes.manage("chaos_write", *arguments)
        self.writer = Supervised("writer", command, self.environment, self.directory / "writer.log")
        self.writer.start()
        return self.writer


@contextlib.asynccontextmanager
async def installed(directory: Path) -> AsyncIterator[Installation]:
    """The installation, prepared and running. Nothing of it is left afterwards."""
    installation = described(directory, await asyncio.to_thread(start_database, directory))
    running: list[Supervised] = [installation.redis, *installation.web, *installation.workers]
    try:
        await processes.run(["prepare"], installation.environment)
        for process in running:
            process.start()
        for service in (installation.redis, *installation.web):
            await service.until_open()
        installation.url = await installation.proxy.start()
        yield installation
    finally:
        await installation.proxy.stop()
        await asyncio.gather(*(one.stop() for one in [*installation.supervised(), installation.redis]))


def start_database(directory: Path) -> str:
    """PostgreSQL in a new directory, for as long as this program runs; returns its URL."""
    directory.mkdir(parents=True)
    # Registered before the database's own, and so done after it: the data is in use until then.
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    return embedded_postgres.start(directory / "postgres")


def described(directory: Path, database_url: str) -> Installation:
    """Names, ports and environments; nothing is started."""
    redis_port = processes.free_port()
    environment = {
        "DATABASE_URL": database_url,
        "REDIS_URL": f"redis://{HOST}:{redis_port}/0",
        "DATA_DIR": str(directory),
        "FIELD_KEYS": Fernet.generate_key().decode(),
        "ALLOWED_HOSTS": HOST,
        "RATELIMIT_ENABLE": "0",
        "CREDITS_ENFORCED": "0",
        "STREAM_HEARTBEAT": str(HEARTBEAT),
        "EMBEDDINGS": "corpus",
        "OPENBLAS_NUM_THREADS": "1",
        "LOG_LEVEL": "WARNING",
    }
    redis = Service(
        "redis", processes.redis_command(redis_port, directory), {}, directory / "redis.log", redis_port
    )
    web = [web_process(number, environment, directory) for number in range(1, WEB_PROCESSES + 1)]
    workers = [
        Supervised(
            f"worker {number}", processes.manage("work"), environment, directory / f"worker-{number}.log"
        )
        for number in range(1, WORKERS + 1)
    ]
    proxy = Proxy([one.port for one in web])
    return Installation(directory, database_url, environment, redis, web, workers, proxy)


def web_process(number: int, environment: dict[str, str], directory: Path) -> Service:
    port = processes.free_port()
    command = processes.manage("serve", "--no-worker", "--host", HOST, "--port", str(port))
    return Service(f"web {number}", command, environment, directory / f"web-{number}.log", port)
