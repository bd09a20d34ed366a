"""One execution of a pipeline over a stream: claim it, journal it, end it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F

from manticscore import errors, pipeline
from realtime import events, publish
from realtime.models import StageResult, Stream
from realtime.signals import stream_failed
from realtime.topics import terminal_status

Context = TypeVar("Context")

CLAIM = """
    UPDATE realtime_stream SET attempt = attempt + 1, status = %s, updated_at = now()
    WHERE id = %s AND closed_seq IS NULL RETURNING attempt, channel
"""


def execute(
    stream_id: UUID, steps: pipeline.Pipeline[Context], make_context: Callable[[StreamJournal], Context]
) -> bool:
    """Run the pipeline on a stream; False when there is nothing (left) to do for this execution.

    A job that was delivered twice finds the stream closed; one that was presumed dead and overtaken
    is stopped by the fence at its next append. Neither leaves a trace.
    """
    journal = claim(stream_id)
    if journal is None:
        return False
    try:
        with pipeline.defects_as_errors("the start of the run"):
            context = make_context(journal)
        steps.run(context, journal)
    except errors.PipelineError as error:
        pipeline.finish_with_error(journal, error)
    except pipeline.Superseded:
        return False
    return True


def claim(stream_id: UUID, status: str = "running") -> StreamJournal | None:
    """Become the current execution of an open stream; every older one is fenced off."""
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, [status, stream_id])
        row = cursor.fetchone()
    return StreamJournal(stream_id, *row) if row else None


class StreamJournal:
    """`pipeline.Journal` over the event log."""

    def __init__(self, stream_id: UUID, attempt: int, channel: str) -> None:
        self._stream_id = stream_id
        self._channel = channel
        self.attempt = attempt

    def completed(self) -> dict[str, Any]:
        results = StageResult.objects.filter(stream_id=self._stream_id)
        return dict(results.values_list("stage", "output"))

    @contextmanager
    def fenced(self) -> Iterator[None]:
        """For writes outside the log, inside a transaction: nobody can take the run over before it ends.

        Raises Superseded when somebody has.
        """
        current = Stream.objects.open().filter(id=self._stream_id, attempt=self.attempt)
        if not current.select_for_update(no_key=True).exists():
            raise pipeline.Superseded
        yield

    def emit(self, event: str, data: dict[str, Any]) -> None:
        stage = data["name"] if event == "stage" else None
        publish.append(self._stream_id, self.attempt, [events.build(event, data)], stage=stage)

    @transaction.atomic
    def checkpoint(self, stage: str, output: Any, data: dict[str, Any]) -> None:
        self.emit("stage", data)
        StageResult.objects.create(
            stream_id=self._stream_id, stage=stage, attempt=self.attempt, output=output
        )

    @transaction.atomic
    def finish(self, status: str, event: str, data: dict[str, Any]) -> None:
        if status == "failed":
            stream_failed.send(sender=StreamJournal, stream_id=self._stream_id, code=data["code"])
        outcome = "cancelled" if data.get("code") == errors.Cancelled.code else status
        last = [events.build(event, data)]
        publish.close(self._stream_id, self.attempt, last, status=terminal_status(self._channel, outcome))

    def cancelled(self) -> bool:
        return Stream.objects.filter(id=self._stream_id, cancel_requested_at__isnull=False).exists()


def count_crash(stream_id: UUID) -> int:
    """Note that the stream's worker died in the middle of its run; returns how often that has happened."""
    Stream.objects.filter(id=stream_id).update(crashes=F("crashes") + 1)
    return Stream.objects.filter(id=stream_id).values_list("crashes", flat=True).first() or 0


def abandon(stream_id: UUID, error: errors.PipelineError) -> bool:
    """End an open stream whose worker will not come back; False when it is closed already."""
    journal = claim(stream_id)
    if journal is None:
        return False
    pipeline.finish_with_error(journal, error)
    return True
