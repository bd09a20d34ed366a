"""One class per event type, with closed fields (spec: ndjson-streaming), and frames of a connection.

Stored events carry `seq`, `entity_id` and `channel` inside `data`, the same bytes on NDJSON and
WebSocket. Frames that belong to a connection (`stream_start`, `ping`, `reset`, ...) carry no `seq`,
so that a client's cursor is never moved by them.
"""

from __future__ import annotations

import json
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict

VERSION = 1
MAX_EVENT_BYTES = 256 * 1024
MAX_CURSOR = 2**63 - 1


class EventData(BaseModel):
    """Base of all stored events."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    type: ClassVar[str]


class StageEvent(EventData):
    """A pipeline stage started, completed or failed; completed ones add their counts."""

    model_config = ConfigDict(extra="allow", frozen=True)
    type: ClassVar[str] = "stage"
    name: str
    status: Literal["started", "completed", "failed"]


class ProgressEvent(EventData):
    type: ClassVar[str] = "progress"
    stage: str
    message: str


class RetryEvent(EventData):
    """A stage met a failure that may pass; `attempt` is the try that follows."""

    type: ClassVar[str] = "retry"
    stage: str
    attempt: int
    wait_ms: int


class ResultEvent(EventData):
    """The artifact. Its fields are the pipeline's own."""

    model_config = ConfigDict(extra="allow", frozen=True)
    type: ClassVar[str] = "result"


class ErrorEvent(EventData):
    """The run failed; some codes add fields, as `evidence_count`."""

    model_config = ConfigDict(extra="allow", frozen=True)
    type: ClassVar[str] = "error"
    message: str
    code: str
    retryable: bool


class DoneEvent(EventData):
    """The end of a run, and what a client needs to prove that it missed nothing of it.

    `digest` is the SHA-256, in hexadecimal, of the run's events `first_seq` to `last_seq` as they went
    out: the lines of NDJSON with their ends. `count` is their number. `publish.close` alone writes it.
    """

    type: ClassVar[str] = "done"
    first_seq: int
    last_seq: int
    count: int
    digest: str


EVENT_TYPES: dict[str, type[EventData]] = {}


def register(*events: type[EventData]) -> None:
    """Make event types known, so that journals can write them. Apps do this for their own."""
    EVENT_TYPES.update({event.type: event for event in events})


register(StageEvent, ProgressEvent, RetryEvent, ResultEvent, ErrorEvent)


def build(event: str, data: dict[str, Any]) -> EventData:
    """The event of that type. Raises KeyError or pydantic's ValidationError: defects, both."""
    return EVENT_TYPES[event](**data)


def frame(event: str, data: dict[str, Any] | None = None) -> bytes:
    """A frame of the connection itself, outside the log."""
    return json.dumps({"v": VERSION, "event": event, "data": data or {}}, separators=(",", ":")).encode()
