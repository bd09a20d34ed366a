"""A database for one measurement: made on the configured server, migrated, and dropped afterwards."""

from __future__ import annotations

import secrets
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from psycopg import sql

PREFIX = "manticscore_scratch_"
LEFTOVER_AFTER = 24 * 3600  # seconds; what a killed measurement left behind is dropped by a later one


@contextmanager
def scratch_database() -> Iterator[str]:
    """Point Django at an empty, migrated database for the length of the block; yields its name.

    It is dropped however the block ends, by Ctrl-C and SIGTERM too; only kill -9 leaves it behind.
    """
    name = f"{PREFIX}{int(time.time())}_{secrets.token_hex(4)}"
    usual = settings.DATABASES["default"]["NAME"]
    # Connected to the usual database throughout: whatever happens to the new one, it can be dropped.
    with stopping_cleanly(), psycopg.connect(conninfo(usual), autocommit=True) as server:
        drop_leftovers(server)
        try:
            server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            use(name)
            call_command("migrate", verbosity=0, interactive=False)
            yield name
        finally:
            with undisturbed():
                use(usual)
                drop(server, name)


def conninfo(database: str) -> str:
    """libpq connection string of the default database's server, for one of its databases."""
    parameters = connection.get_connection_params() | {"dbname": database}
    known = {key: value for key, value in parameters.items() if key not in NOT_LIBPQ and value is not None}
    return psycopg.conninfo.make_conninfo(**known)


NOT_LIBPQ = frozenset({"cursor_factory", "context", "prepare_threshold", "pool"})


def use(name: str) -> None:
    """Make Django's default connection, and every later thread's, one to this database."""
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]  # PostgreSQL's has one
    settings.DATABASES["default"]["NAME"] = name
    connection.settings_dict["NAME"] = name


def drop(server: psycopg.Connection, name: str) -> None:
    server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def drop_leftovers(server: psycopg.Connection) -> None:
    found = server.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [PREFIX])
    for (name,) in found.fetchall():
        started = name.removeprefix(PREFIX).split("_")[0]
        if started.isdigit() and int(started) < time.time() - LEFTOVER_AFTER:
            drop(server, name)


@contextmanager
def stopping_cleanly() -> Iterator[None]:
    """SIGTERM ends the block like Ctrl-C does, so that what it holds is given back."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def undisturbed() -> Iterator[None]:
    """A second Ctrl-C, out of impatience, does not stop the tidying."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN), signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before[0])
        signal.signal(signal.SIGTERM, before[1])
