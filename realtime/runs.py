"""One execution of a pipeline over a stream: claim it, journal it, end it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F

from manticscore import errors, pipeline
from realtime import events, publish
from realtime.events import EventData
from realtime.models import StageResult, Stream
from realtime.signals import stream_completing, stream_failed
from realtime.topics import terminal_status

Context = TypeVar("Context")
Journal = TypeVar("Journal", bound="StreamJournal")

CLAIM = """
    UPDATE realtime_stream SET attempt = attempt + 1, status = %s, updated_at = now()
    WHERE id = %s AND closed_seq IS NULL RETURNING attempt, channel
"""


REOPEN = """
    UPDATE realtime_stream
    SET closed_seq = NULL, closed_at = NULL, status = 'queued', stage = %s, cancel_requested_at = NULL,
        crashes = 0, updated_at = now()
    WHERE id = %s AND closed_seq IS NOT NULL RETURNING attempt
"""


def execute(
    stream_id: UUID,
    steps: pipeline.Pipeline[Context],
    make_context: Callable[[Any], Context],
    *,
    take: Callable[[UUID], StreamJournal | None] | None = None,
) -> bool:
    """Run the pipeline on a stream; False when there is nothing (left) to do for this execution.

    `take` claims the stream in another way than `claim`, as with a journal that ends it in other words.

    A job that was delivered twice finds the stream closed; one that was presumed dead and overtaken
    is stopped by the fence at its next append. Neither leaves a trace.
    """
    journal = (take or claim)(stream_id)
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
    return claim_for(StreamJournal, stream_id, status)


def claim_for(kind: type[Journal], stream_id: UUID, status: str) -> Journal | None:
    """The same with a journal of another kind."""
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, [status, stream_id])
        row = cursor.fetchone()
    return kind(stream_id, *row) if row else None


def reopen(stream_id: UUID, stages: Sequence[str], event: EventData) -> bool:
    """Begin a stream that is over again, with `event` and without what these stages had made.

    The first of them is where it stands until it runs, so that it is not taken for one that never began.
    False when it is not over. Raises IntegrityError when the same is being done in another stream. The
    caller enqueues the job in the same transaction.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(REOPEN, [next(iter(stages), ""), stream_id])
        row = cursor.fetchone()
        if row is None:
            return False
        StageResult.objects.filter(stream_id=stream_id, stage__in=stages).delete()
        publish.append(stream_id, row[0], [event])
    return True


@transaction.atomic
def tell(stream_id: UUID, told: Sequence[EventData]) -> None:
    """Append to a stream, whether or not a run is at work on it. One that is over gets `done` once more."""
    stream = Stream.objects.select_for_update(no_key=True).get(id=stream_id)
    if not stream.is_closed:
        publish.append(stream_id, stream.attempt, told)
        return
    Stream.objects.filter(id=stream_id).update(closed_seq=None, closed_at=None)
    publish.close(stream_id, stream.attempt, told, status=stream.status)


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
        else:
            stream_completing.send(sender=StreamJournal, stream_id=self._stream_id, journal=self)
        outcome = "cancelled" if data.get("code") == errors.Cancelled.code else status
        last = [events.build(event, data)]
        publish.close(self._stream_id, self.attempt, last, status=terminal_status(self._channel, outcome))

    def cancelled(self) -> bool:
        return Stream.objects.filter(id=self._stream_id, cancel_requested_at__isnull=False).exists()

    def go_on(self) -> None:
        """Between two pieces of work. Raises Cancelled when somebody asked this run to stop."""
        if self.cancelled():
            raise errors.Cancelled()


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
