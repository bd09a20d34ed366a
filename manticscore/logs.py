"""Log lines: whose request they belong to, without secrets, JSON in production.

Secrets are taken out when a record is made, whichever logger makes it and whichever handlers see it: the
message, its arguments, the exception and the stack are turned into redacted text on the spot.
"""

from __future__ import annotations

import io
import json
import logging
import logging.config
import time
import traceback
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from manticscore.lib.redact import one_line, redact

ANONYMOUS_PREFIX = "anon:"


@dataclass(slots=True)
class Request:
    """What log lines say about the request or connection they belong to, its threads and tasks included."""

    id: str = "-"
    principal: str = "none"  # or "user", "anonymous": a kind, never an id


current: ContextVar[Request] = ContextVar("current_request", default=Request())  # noqa: B039  # never changed


def note_principal(principal_id: str) -> None:
    """Remember for the access log what kind of principal the current request has shown to be."""
    request = current.get()
    if request.id != "-":
        request.principal = "anonymous" if principal_id.startswith(ANONYMOUS_PREFIX) else "user"


def configure(config: dict[str, Any]) -> None:
    """Django's LOGGING_CONFIG: its dictionary, and records that are born redacted."""
    logging.setLogRecordFactory(make_record)
    logging.config.dictConfig(config)


def make_record(
    name: str,
    level: int,
    path: str,
    line: int,
    message: object,
    args: Any,
    exc_info: Any,
    function: str | None = None,
    stack: str | None = None,
    **rest: Any,
) -> logging.LogRecord:
    record = logging.LogRecord(name, level, path, line, message, args, None, function, stack, **rest)
    record.msg, record.args = one_line(redact(text_of(record))), None
    # A formatter that finds a text takes it. The exception itself, with its arguments, goes no further.
    record.exc_text = redact(exception_text(exc_info)) if exc_info and exc_info[0] else None
    record.stack_info = redact(stack) if stack else None
    record.request_id = current.get().id
    return record


def text_of(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):  # a message that does not fit its arguments
        return f"{record.msg!r} {record.args!r}"


def exception_text(exc_info: Any) -> str:
    """The traceback, indented: a line break in an exception's text does not begin a line of the log."""
    text = io.StringIO()
    traceback.print_exception(*exc_info, file=text)
    return "\n".join(f"  | {one_line(line)}" for line in text.getvalue().rstrip("\n").split("\n"))


class Untraced(logging.Filter):
    """For what clients do wrong: the line without the way that led to it."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.exc_text = record.exc_info = record.stack_info = None
        return True


class Rarely(logging.Filter):
    """One line in ten seconds of a logger that repeats itself while something is away."""

    SECONDS = 10.0

    def __init__(self) -> None:
        super().__init__()
        self._quiet_until = 0.0

    def filter(self, record: logging.LogRecord) -> bool:
        now = time.monotonic()
        if now < self._quiet_until:
            return False
        self._quiet_until = now + self.SECONDS
        return True


class LineFormatter(logging.Formatter):
    """For people."""

    def __init__(self) -> None:
        super().__init__("{asctime} {levelname:<7} {name} [{request_id}] {message}", style="{")


class JsonFormatter(logging.Formatter):
    """One JSON object a line, for machines."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "request_id": getattr(record, "request_id", "-"),
            "message": record.getMessage(),
            **getattr(record, "access", {}),
        }
        if record.exc_text:
            line["exception"] = record.exc_text
        if record.stack_info:
            line["stack"] = record.stack_info
        return json.dumps(line, ensure_ascii=False)
