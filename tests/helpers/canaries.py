"""Secrets that look real and open nothing, and a watch over everything the suite logs."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator

import pytest

from manticscore import logs

# One of every kind that could stand in a log; the word in the middle is what is searched for.
WORD = "Canary7f3a"
CANARIES = {
    "session": f"ms_sess_{WORD}01_{'x' * 31}A",
    "jwt": f"eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ{WORD}02.c2lnbmF0dXJl{WORD}",
    "github classic": f"ghp_{WORD}03{'Z' * 24}",
    "github oauth": f"gho_{WORD}04{'Z' * 24}",
    "github fine-grained": f"github_pat_{WORD}05AAAAAAAAAA_{'b' * 59}",
    "anthropic": f"sk-ant-api03-{WORD}06-{'y' * 40}",
    "openai": f"sk-proj-{WORD}07{'q' * 30}",
    "mcp": f"mcp_{WORD}08{'m' * 36}",
    "fernet": f"gAAAAABm{WORD}09{'f' * 60}==",
}

# What a secret looks like; the suite's own tokens are made anew in every run and are found by form.
SECRET = re.compile(
    rf"{WORD}|ms_sess_[\w-]{{20}}|eyJ[\w-]{{8,}}\.[\w-]{{8,}}\.|gh[pousr]_\w{{20}}|github_pat_\w{{20}}"
    r"|\bsk-(?:ant|proj)-[\w-]{12}|\bgAAAAA[\w-]{40}"
)


class Watch(logging.Handler):
    """Looks at every record as a handler of anybody's could write it."""

    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self.setFormatter(logs.JsonFormatter())
        self.seen = 0
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.seen += 1
        text = f"{self.format(record)} {record.exc_info} {record.args}"
        if SECRET.search(text):
            self.found.append(f"{os.environ.get('PYTEST_CURRENT_TEST', '?')}: {text[:400]}")


@pytest.fixture(scope="session", autouse=True)
def no_secrets_in_logs() -> Iterator[Watch]:
    """The whole suite's logs, looked through for secrets; the last test reports what was found."""
    watch = Watch()
    logging.getLogger().addHandler(watch)
    yield watch
    logging.getLogger().removeHandler(watch)
    assert not watch.found, "secrets were logged:\n" + "\n".join(watch.found)
