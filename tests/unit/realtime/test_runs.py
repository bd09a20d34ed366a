"""One execution of a pipeline over the event log, with PostgreSQL."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from manticscore import errors
from manticscore.pipeline import Output, Pipeline, Report, Superseded, finish_with_error
from realtime import runs
from realtime.events import ProgressEvent
from realtime.models import StageResult, Stream
from realtime.runs import StreamJournal
from tests import factories
from tests.helpers import log
from tests.helpers.scripted import ScriptedStage

pytestmark = pytest.mark.django_db


def claimed(stream: Stream) -> StreamJournal:
    journal = runs.claim(stream.id)
    assert journal is not None
    return journal


def pipeline(*stages: ScriptedStage) -> Pipeline[list[str]]:
    return Pipeline(stages, lambda context: {"words": context})


def test_claiming_makes_this_execution_the_current_one() -> None:
    stream = factories.stream(attempt=0, status="queued")
    assert [claimed(stream).attempt, claimed(stream).attempt] == [1, 2]
    stream.refresh_from_db()
    assert (stream.attempt, stream.status) == (2, "running")


def test_an_older_execution_is_fenced_off() -> None:
    stream = factories.stream(attempt=0)
    older, newer = claimed(stream), claimed(stream)
    with pytest.raises(Superseded):
        older.emit("progress", {"stage": "search", "message": "am I late?"})
    with pytest.raises(Superseded):
        older.finish("completed", "result", {})
    newer.emit("progress", {"stage": "search", "message": "no, I am here"})
    assert [data["message"] for _, _, data in log.stored(stream.id)] == ["no, I am here"]


def test_a_closed_or_absent_stream_cannot_be_claimed() -> None:
    stream = factories.stream(attempt=3, status="completed", closed_seq=0)
    assert runs.claim(stream.id) is None
    assert runs.claim(uuid.uuid4()) is None
    stream.refresh_from_db()
    assert (stream.attempt, stream.status) == (3, "completed")


def test_reopening_forgets_stages_and_tells_why() -> None:
    stream = factories.stream(
        attempt=2, status="completed", stage="persist", last_seq=4, closed_seq=4, crashes=2
    )
    for stage in ("search", "judge"):
        StageResult.objects.create(stream=stream, stage=stage, attempt=1, output={})
    event = ProgressEvent(stage="signals_retrying", message="once more")
    assert runs.reopen(stream.id, ["judge"], event) is True
    stream.refresh_from_db()
    assert (stream.status, stream.stage, stream.closed_seq, stream.crashes) == ("queued", "judge", None, 0)
    assert (stream.last_seq, stream.attempt) == (5, 2)
    assert [stage.stage for stage in StageResult.objects.filter(stream=stream)] == ["search"]
    assert claimed(stream).attempt == 3


def test_what_is_open_or_absent_is_not_reopened() -> None:
    stream = factories.stream()
    event = ProgressEvent(stage="x", message="x")
    assert [runs.reopen(key, [], event) for key in (stream.id, uuid.uuid4())] == [False, False]
    assert log.stored(stream.id) == []


def test_executing_writes_the_whole_story_and_closes_the_stream() -> None:
    stream = factories.stream(attempt=0, status="queued")
    assert runs.execute(
        stream.id, pipeline(ScriptedStage("search"), ScriptedStage("analyze")), lambda journal: []
    )
    assert log.numbers(stream.id) == [1, 2, 3, 4, 5, 6]
    assert log.types(stream.id) == ["stage", "stage", "stage", "stage", "result", "done"]
    assert log.stored(stream.id)[4][2] == {"words": ["search output", "analyze output"]}
    stream.refresh_from_db()
    assert (stream.status, stream.stage, stream.closed_seq) == ("completed", "analyze", 6)


def test_executing_again_what_has_ended_leaves_no_trace() -> None:
    stream = factories.stream(attempt=0)
    runs.execute(stream.id, pipeline(ScriptedStage("search")), lambda journal: [])
    before, events = Stream.objects.get(id=stream.id), log.stored(stream.id)
    stage = ScriptedStage("search")
    assert not runs.execute(stream.id, pipeline(stage), lambda journal: [])
    assert stage.runs == 0
    assert log.stored(stream.id) == events
    assert Stream.objects.get(id=stream.id).attempt == before.attempt


def test_an_execution_that_is_overtaken_stops_without_a_trace() -> None:
    stream = factories.stream(attempt=0)

    def overtaken(context: list[str], report: Report) -> Output:
        claimed(stream)
        return Output("too late")

    never = ScriptedStage("analyze")
    assert not runs.execute(
        stream.id, pipeline(ScriptedStage("search", overtaken), never), lambda journal: []
    )
    assert never.runs == 0
    assert [data["status"] for _, _, data in log.stored(stream.id)] == ["started"]
    assert not StageResult.objects.filter(stream=stream).exists()
    assert Stream.objects.get(id=stream.id).closed_seq is None


def test_a_run_goes_on_from_its_last_checkpoint() -> None:
    stream = factories.stream(attempt=0)
    first = claimed(stream)
    first.checkpoint("search", "kept", {"name": "search", "status": "completed"})
    search, context = ScriptedStage("search"), []  # type: ignore[var-annotated]
    assert runs.execute(stream.id, pipeline(search, ScriptedStage("analyze")), lambda journal: context)
    assert search.runs == 0
    assert context == ["kept", "analyze output"]
    attempts = [data.get("attempt") for _, event, data in log.stored(stream.id) if event == "stage"]
    assert attempts == [None, 2, 2]


def test_a_failed_run_ends_with_error_and_done() -> None:
    stream = factories.stream(attempt=0)

    def empty(context: list[str], report: Report) -> Output:
        raise errors.EmptyOutput("Nothing.", evidence_count=0)

    assert runs.execute(stream.id, pipeline(ScriptedStage("analyze", empty)), lambda journal: [])
    assert log.stored(stream.id)[2:] == [
        (
            3,
            "error",
            {"message": "Nothing.", "code": "EMPTY_OUTPUT", "retryable": False, "evidence_count": 0},
        ),
        (4, "done", {}),
    ]
    stream.refresh_from_db()
    assert (stream.status, stream.closed_seq) == ("failed", 4)


def test_a_cancelled_run_hears_of_it() -> None:
    stream = factories.stream(attempt=0)
    journal = claimed(stream)
    assert not journal.cancelled()
    Stream.objects.filter(id=stream.id).update(cancel_requested_at="2026-01-15T12:00:00Z")
    assert journal.cancelled()


def test_a_checkpoint_and_its_event_exist_together() -> None:
    stream = factories.stream(attempt=0)
    journal = claimed(stream)
    journal.checkpoint("search", {"scores": [1]}, {"name": "search", "status": "completed", "sources": 1})
    assert journal.completed() == {"search": {"scores": [1]}}
    assert log.stored(stream.id) == [(1, "stage", {"name": "search", "status": "completed", "sources": 1})]


def test_a_checkpoint_that_cannot_be_stored_writes_no_event() -> None:
    stream = factories.stream(attempt=0)
    journal = claimed(stream)
    completed: dict[str, Any] = {"name": "search", "status": "completed"}
    journal.checkpoint("search", 1, completed)
    with pytest.raises(IntegrityError):
        journal.checkpoint("search", 2, completed)
    assert log.numbers(stream.id) == [1]
    assert journal.completed() == {"search": 1}
    stream.refresh_from_db()
    assert stream.last_seq == 1


def test_a_fenced_checkpoint_stores_no_output() -> None:
    stream = factories.stream(attempt=0)
    older = claimed(stream)
    claimed(stream)
    with pytest.raises(Superseded):
        older.checkpoint("search", 1, {"name": "search", "status": "completed"})
    assert older.completed() == {}


@pytest.mark.django_db(transaction=True)
def test_a_checkpoint_inside_a_lost_transaction_is_lost_with_its_event() -> None:
    stream = factories.stream(attempt=0)
    journal = claimed(stream)
    with transaction.atomic():
        journal.checkpoint("search", 1, {"name": "search", "status": "completed"})
        transaction.set_rollback(True)
    assert journal.completed() == {}
    assert log.stored(stream.id) == []


def test_abandoning_ends_an_open_stream_once() -> None:
    stream = factories.stream(attempt=1)
    assert runs.abandon(stream.id, errors.WorkerCrashed())
    assert not runs.abandon(stream.id, errors.WorkerCrashed())
    assert log.stored(stream.id) == [
        (
            1,
            "error",
            {
                "message": "The worker died repeatedly while it was running this job.",
                "code": "WORKER_CRASHED",
                "retryable": True,
            },
        ),
        (2, "done", {}),
    ]
    stream.refresh_from_db()
    assert (stream.status, stream.closed_seq) == ("failed", 2)


def test_abandoning_fences_off_a_worker_that_was_only_asleep() -> None:
    stream = factories.stream(attempt=0)
    asleep = claimed(stream)
    runs.abandon(stream.id, errors.WorkerCrashed())
    with pytest.raises(Superseded):
        asleep.finish("completed", "result", {})
    assert log.types(stream.id) == ["error", "done"]


@pytest.mark.parametrize(
    ("channel", "error", "status"),
    [
        ("build", None, "ready"),
        ("company_enrich", None, "enriched"),
        ("build", errors.InternalError(), "failed"),
        ("forge", errors.Cancelled(), "cancelled"),
        ("research", errors.Cancelled(), "failed"),
    ],
)
def test_a_run_ends_with_the_status_of_its_channel(
    channel: str, error: errors.PipelineError | None, status: str
) -> None:
    stream = factories.stream(channel=channel)
    journal = claimed(stream)
    if error is None:
        journal.finish("completed", "result", {})
    else:
        finish_with_error(journal, error)
    stream.refresh_from_db()
    assert stream.status == status
