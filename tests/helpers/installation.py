"""A real installation: its own database and DATA_DIR, and the processes that run on them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import psutil
import psycopg
from cryptography.fernet import Fernet
from psycopg import sql

from manticscore import embedded_postgres
from research.corpus import catalogue

PATIENCE = 30.0  # seconds; only a failing test waits so long
CATEGORIES = {"recipes-and-meal-planning", "food-and-grocery-delivery", "habit-tracking", "task-management"}
FIELD_KEY = Fernet.generate_key().decode()  # without one, nothing starts on a database of its own
HOLD = "LOCK TABLE realtime_stageresult IN ACCESS EXCLUSIVE MODE"


def until(condition: Callable[[], Any], what: str = "", patience: float = PATIENCE) -> Any:
    """Ask until the answer is true, and return it."""
    deadline = time.monotonic() + patience
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"waited in vain for {what or condition}"
        time.sleep(0.01)
    return answer


class Running:
    """A process of an installation; what it prints goes to a file."""

    program: tuple[str, ...] = ("manage.py",)

    def __init__(self, arguments: tuple[str, ...], environment: dict[str, str], log: Path) -> None:
        self.name, self._log = " ".join(arguments), log
        self._output: IO[bytes] = log.open("wb")
        command = [sys.executable, *self.program, *arguments]
        self._process = subprocess.Popen(
            command, cwd=embedded_postgres.BASE_DIR, env=environment, stdout=self._output, stderr=self._output
        )

    def __enter__(self) -> Running:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def output(self) -> str:
        return self._log.read_text(errors="replace")

    @property
    def is_frozen(self) -> bool:
        return psutil.Process(self.pid).status() == psutil.STATUS_STOPPED

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def says(self, text: str) -> str:
        """Wait for a line that has `text` in it, and return it."""

        def find() -> str | None:
            line = next((line for line in self.output.splitlines() if text in line), None)
            assert line or self.is_running, f"{self.name} ended without saying {text!r}:\n{self.output}"
            return line

        return str(until(find, f"{self.name} to say {text!r}"))

    def wait(self, patience: float = PATIENCE) -> int:
        try:
            return self._process.wait(patience)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} does not end:\n{self.output}") from None

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def kill(self) -> None:
        """kill -9."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> int:
        """Ask it to end, as a service manager does."""
        if self.is_running:
            self.signal(signal.SIGCONT)
            self.signal(signal.SIGTERM)
        try:
            return self.wait()
        finally:
            self.kill()
            self._output.close()

    def resources(self) -> tuple[int, int]:
        """Threads and open TCP connections of the process."""
        process = psutil.Process(self.pid)
        connections = [found for found in process.net_connections("tcp") if found.status == "ESTABLISHED"]
        return process.num_threads(), len(connections)


class Server(Running):
    """`manage.py serve` on a free port."""

    @property
    def port(self) -> int:
        return int(self.says("Listening on").split("://127.0.0.1:")[1].split()[0])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class Uvicorn(Server):
    """Another ASGI server with the same application."""

    program = ("-m", "uvicorn", "manticscore.asgi:application")

    @property
    def port(self) -> int:
        return int(self.says("Uvicorn running on").split("://127.0.0.1:")[1].split()[0])


class Installation:
    """`url` is the database of the tests' own server; None lets the processes start an embedded one."""

    def __init__(self, directory: Path, url: str | None, **environment: str) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory, self.url = directory, url
        self._started = 0
        self._environment = {**os.environ, "DATA_DIR": str(directory), "LOG_LEVEL": "INFO", **environment}
        for name in ("DATABASE_URL", "DATABASE_IS_EMBEDDED", "PORT", "HOST"):
            self._environment.pop(name, None)
        if url:
            self._environment |= {"DATABASE_URL": url, "FIELD_KEYS": FIELD_KEY}

    def start(self, *arguments: str, **environment: str) -> Running:
        return Running(arguments, self._environment | environment, self._log())

    def serve(self, *arguments: str, **environment: str) -> Server:
        return Server(("serve", "--port", "0", *arguments), self._environment | environment, self._log())

    def uvicorn(self) -> Uvicorn:
        return Uvicorn(("--port", "0"), self._environment, self._log())

    def work(self, **environment: str) -> Running:
        return self.start("work", **environment)

    def manage(self, *arguments: str) -> str:
        """Run a command to its end; it must succeed."""
        with self.start(*arguments) as command:
            assert command.wait(90) == 0, command.output
            return command.output

    def prepare(self) -> None:
        """The schema and a small corpus."""
        self.manage("migrate", "-v", "0")
        self.manage("import_sources", str(small_corpus(self.directory)))

    def _log(self) -> Path:
        self._started += 1
        return self.directory / f"process-{self._started}.log"

    @contextmanager
    def connection(self) -> Iterator[psycopg.Connection[Any]]:
        assert self.url is not None
        with psycopg.connect(self.url, autocommit=True) as connection:
            yield connection

    def query(self, text: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with self.connection() as connection:
            cursor = connection.execute(text, parameters)  # type: ignore[call-overload]
            return list(cursor.fetchall()) if cursor.description else []

    @contextmanager
    def unreachable(self) -> Iterator[None]:
        """For the length of the block the database accepts nobody, and whoever was connected is cut off."""
        name = sql.Identifier(psycopg.conninfo.conninfo_to_dict(str(self.url))["dbname"])  # type: ignore[arg-type]
        accept = sql.SQL("ALTER DATABASE {} WITH ALLOW_CONNECTIONS {}")
        with psycopg.connect(on_our_server("postgres"), autocommit=True) as server:
            server.execute(accept.format(name, sql.SQL("false")))
            try:
                cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
                server.execute(cut, [name.as_string().strip('"')])
                yield
            finally:
                server.execute(accept.format(name, sql.SQL("true")))

    @contextmanager
    def holding_jobs(self) -> Iterator[None]:
        """Workers that begin a run wait until the end of the block, or for three seconds at most."""
        with self.connection() as connection, connection.transaction():
            connection.execute(HOLD)
            yield


def small_corpus(directory: Path) -> Path:
    """Forty products of the catalogue in a file of their own."""
    head, *rows = (json.loads(line) for line in catalogue.FILE.read_text(encoding="utf-8").splitlines())
    path = directory / "corpus.jsonl"
    chosen = [row | {"published_on": head["as_of"]} for row in rows if row["category"] in CATEGORIES]
    path.write_text("".join(json.dumps(row) + "\n" for row in chosen), encoding="utf-8")
    return path


@contextmanager
def fresh_database(name: str, template: str = "template1") -> Iterator[str]:
    """libpq's name of a new database on the tests' server; it is dropped afterwards."""
    with psycopg.connect(on_our_server("postgres"), autocommit=True) as server:
        drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        create = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        server.execute(drop)
        server.execute(create.format(sql.Identifier(name), sql.Identifier(template)))
        try:
            yield on_our_server(name)
        finally:
            server.execute(drop)


def on_our_server(database: str) -> str:
    return psycopg.conninfo.make_conninfo(os.environ["DATABASE_URL"], dbname=database)
