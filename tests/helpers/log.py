"""Reading the event log as a test wants it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from realtime.events import EventData, ProgressEvent
from realtime.models import Event


def progress(message: str = "hello") -> ProgressEvent:
    return ProgressEvent(stage="search", message=message)


def several(count: int, first: int = 1) -> Sequence[EventData]:
    return [progress(str(number)) for number in range(first, first + count)]


def stored(stream_id: UUID) -> list[tuple[int, str, dict[str, Any]]]:
    """Number, type and data of every event of a stream, in order; the proof in `done` is left out."""
    events = Event.objects.filter(stream_id=stream_id).order_by("seq").values_list("seq", "type", "data")
    return [(seq, event, {} if event == "done" else data) for seq, event, data in events]


def types(stream_id: UUID) -> list[str]:
    return [event for _, event, _ in stored(stream_id)]


def numbers(stream_id: UUID) -> list[int]:
    return [seq for seq, _, _ in stored(stream_id)]
