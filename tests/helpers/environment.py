"""Imported before anything of Django: its settings are read once, from what stands here.

Without DATABASE_URL the suite starts an embedded PostgreSQL of its own under `.data/test`. Runs that
overlap take separate directories there, so they never share a test database.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import signal
from pathlib import Path
from typing import IO

import django

from manticscore import embedded_postgres

RUNS = embedded_postgres.BASE_DIR / ".data" / "test"


def take_directory() -> tuple[Path, IO[str]]:
    """The first directory that no other run uses, and the lock to hold on to."""
    for number in itertools.count():
        directory = RUNS / str(number)
        directory.mkdir(parents=True, exist_ok=True)
        lock = (directory / "run.lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            continue
        return directory, lock
    raise AssertionError


DIRECTORY, _lock = take_directory()
os.environ.update(
    DJANGO_SETTINGS_MODULE="manticscore.settings",
    DATA_DIR=str(DIRECTORY),
    DEBUG="0",
    EMBEDDINGS="corpus",
    LOG_LEVEL="WARNING",
    OPENBLAS_NUM_THREADS="1",  # its threads spin; several processes on few cores would wait for each other
    RATELIMIT_ENABLE="0",
)
OPTIONAL = ("REDIS_URL", "CRASH_AT", "CRASH_ONCE", "CRASH_SIGNAL")
PAID = ("ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "OPENAI_API_KEY", "OPENAI_BASE_URL", "LLM_MODEL")
LIVE = (
    "LIVE_SOURCES", "SEARXNG_URL", "TAVILY_API_KEY", "BRAVE_API_KEY", "EXA_API_KEY", "GITHUB_SEARCH_TOKEN",
    "FETCH_ALLOW_PRIVATE", "FETCH_DENY", "FETCH_CONTACT",
)  # fmt: skip
for name in (*OPTIONAL, *PAID, *LIVE):
    os.environ.pop(name, None)
# What is started in the background of a shell ignores Ctrl-C, and so would all that it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)
embedded_postgres.start_unless_configured()
django.setup()
