"""The runner with a scripted journal and scripted stages: no database, no clock, no waiting."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from django.db import InterfaceError, OperationalError

from manticscore import errors
from manticscore.pipeline import Budget, Output, Patience, Pipeline, Report, Superseded, Transient
from tests.helpers.scripted import Clock, Script, ScriptedJournal, ScriptedStage, raising, succeeding


def run(
    stages: Sequence[ScriptedStage],
    journal: ScriptedJournal,
    clock: Clock | None = None,
    result: Callable[[list[str]], dict[str, Any]] = lambda context: {"words": list(context)},
    **limits: Any,
) -> list[str]:
    clock = clock or Clock()
    context: list[str] = []
    Pipeline(stages, result, clock=clock, sleep=clock.sleep, **limits).run(context, journal)
    return context


def test_a_run_tells_every_stage_then_its_result_then_done() -> None:
    journal = ScriptedJournal()
    run([ScriptedStage("search"), ScriptedStage("analyze")], journal)
    assert journal.story() == [
        "search started", "search completed", "analyze started", "analyze completed", "result", "done",
    ]  # fmt: skip
    assert journal.last("result") == {"words": ["search output", "analyze output"]}
    assert journal.status == "completed"


def test_a_completed_stage_tells_its_counts_and_its_duration() -> None:
    clock, journal = Clock(), ScriptedJournal()

    def slow(context: list[str], report: Report) -> Output:
        clock.now += 3.2
        return Output("found", {"sources": 24})

    run([ScriptedStage("search", slow)], journal, clock)
    assert journal.last("stage") == {
        "name": "search", "status": "completed", "sources": 24, "duration_ms": 3200,
    }  # fmt: skip


def test_a_stage_reports_progress_between_its_start_and_its_end() -> None:
    def talking(context: list[str], report: Report) -> Output:
        report("Scanning 24 sources")
        return Output(None)

    journal = ScriptedJournal()
    run([ScriptedStage("search", talking)], journal)
    assert journal.story()[:3] == ["search started", "progress search", "search completed"]
    assert journal.last("progress") == {"stage": "search", "message": "Scanning 24 sources"}


def test_a_resumed_run_skips_what_is_completed_and_says_its_attempt() -> None:
    search, analyze = ScriptedStage("search"), ScriptedStage("analyze")
    journal = ScriptedJournal(completed={"search": "kept"}, attempt=2)
    context = run([search, analyze], journal)
    assert (search.runs, analyze.runs) == (0, 1)
    assert context == ["kept", "analyze output"]
    assert journal.story() == ["analyze started", "analyze completed", "result", "done"]
    assert [data["attempt"] for event, data in journal.events if event == "stage"] == [2, 2]


def test_the_first_attempt_carries_no_attempt() -> None:
    journal = ScriptedJournal()
    run([ScriptedStage("search")], journal)
    assert all("attempt" not in data for _, data in journal.events)


def test_a_failure_of_a_resumed_run_carries_its_attempt() -> None:
    journal = ScriptedJournal(attempt=3)
    run([ScriptedStage("search", raising(errors.EmptyOutput()))], journal)
    assert journal.last("stage")["attempt"] == 3


def test_a_run_whose_every_stage_is_completed_only_ends() -> None:
    journal = ScriptedJournal(completed={"search": "kept"})
    run([ScriptedStage("search")], journal)
    assert journal.story() == ["result", "done"]


def test_a_blocking_failure_ends_the_run_with_its_error_and_data() -> None:
    never = ScriptedStage("never")
    journal = ScriptedJournal()
    run([ScriptedStage("analyze", raising(errors.EmptyOutput("Nothing.", evidence_count=0))), never], journal)
    assert journal.story() == ["analyze started", "analyze failed", "error", "done"]
    assert journal.last("stage")["code"] == "EMPTY_OUTPUT"
    assert journal.last("error") == {
        "message": "Nothing.", "code": "EMPTY_OUTPUT", "retryable": False, "evidence_count": 0,
    }  # fmt: skip
    assert (never.runs, journal.status) == (0, "failed")


def test_a_failure_that_does_not_block_is_told_and_the_run_goes_on() -> None:
    journal = ScriptedJournal()
    judge = ScriptedStage("judge", raising(errors.InternalError()), blocking=False)
    context = run([judge, ScriptedStage("analyze")], journal)
    assert journal.story() == [
        "judge started", "judge failed", "analyze started", "analyze completed", "result", "done",
    ]  # fmt: skip
    assert context == ["analyze output"]
    assert journal.checkpoints["judge"] is None


def test_a_resumed_run_does_not_repeat_a_stage_that_failed_without_blocking() -> None:
    judge = ScriptedStage("judge", blocking=False)
    context = run([judge, ScriptedStage("analyze")], ScriptedJournal({"judge": None}, attempt=2))
    assert judge.runs == 0
    assert context == ["analyze output"]


@pytest.mark.parametrize("failures", [1, 2])
def test_a_transient_failure_is_retried_until_it_passes(failures: int) -> None:
    clock, journal = Clock(), ScriptedJournal()
    scripts = [raising(Transient("busy"))] * failures + [succeeding()]
    run([ScriptedStage("search", *scripts)], journal, clock, patience=Patience(tries=3))
    retries = ["retry search"] * failures
    assert journal.story() == ["search started", *retries, "search completed", "result", "done"]
    assert journal.last("retry")["attempt"] == failures + 1
    assert journal.last("retry")["wait_ms"] == round(clock.slept[-1] * 1000)
    assert len(clock.slept) == failures


def test_a_transient_failure_that_stays_ends_the_run_as_retryable() -> None:
    journal = ScriptedJournal()
    search = ScriptedStage("search", raising(Transient("the index is busy")))
    run([search], journal, patience=Patience(tries=3))
    assert search.runs == 3
    assert journal.story() == [
        "search started", "retry search", "retry search", "search failed", "error", "done",
    ]  # fmt: skip
    assert journal.last("error") == {
        "message": "the index is busy", "code": "INTERNAL_ERROR", "retryable": True,
    }  # fmt: skip


def test_waits_double_with_jitter_and_have_a_longest() -> None:
    patience = Patience(first_wait=0.5, longest_wait=8.0)
    for failures, middle in [(1, 0.5), (2, 1.0), (3, 2.0), (10, 8.0)]:
        waits = [patience.wait(failures) for _ in range(50)]
        assert all(middle * 0.8 <= wait <= middle * 1.2 for wait in waits)
        assert len(set(waits)) > 1


def test_an_unexpected_exception_is_an_internal_error_and_keeps_its_text_to_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    journal = ScriptedJournal()
    with caplog.at_level(logging.ERROR):
        run([ScriptedStage("search", raising(ZeroDivisionError("password=hunter2")))], journal)
    assert journal.story() == ["search started", "search failed", "error", "done"]
    assert journal.last("error") == {
        "message": "Something went wrong on our side.", "code": "INTERNAL_ERROR", "retryable": True,
    }  # fmt: skip
    assert "ZeroDivisionError" in caplog.text


def test_an_output_that_its_own_stage_cannot_use_fails_the_stage() -> None:
    journal = ScriptedJournal()
    run([ScriptedStage("search", resume=ValueError("odd"))], journal)
    assert journal.story() == ["search started", "search failed", "error", "done"]
    assert journal.checkpoints == {}


def test_a_checkpoint_that_cannot_be_read_ends_the_run_as_an_internal_error() -> None:
    journal = ScriptedJournal(completed={"search": "from an older version"})
    run([ScriptedStage("search", resume=KeyError("scores"))], journal)
    assert journal.story() == ["error", "done"]
    assert journal.last("error")["code"] == "INTERNAL_ERROR"


def test_a_result_that_cannot_be_made_ends_the_run_as_an_internal_error() -> None:
    def broken(context: list[str]) -> dict[str, Any]:
        raise TypeError

    journal = ScriptedJournal()
    run([ScriptedStage("search")], journal, result=broken)
    assert journal.story() == ["search started", "search completed", "error", "done"]
    assert journal.status == "failed"


class Refusing(ScriptedJournal):
    """Does not take what a test names: an event that is too large, a text that cannot be stored."""

    def __init__(self, refused: str) -> None:
        super().__init__()
        self.refused = refused

    def finish(self, status: str, event: str, data: dict[str, Any]) -> None:
        if event == self.refused and data.get("code") != "INTERNAL_ERROR":
            raise ValueError("too large")
        super().finish(status, event, data)

    def checkpoint(self, stage: str, output: Any, data: dict[str, Any]) -> None:
        if stage == self.refused and output is not None:
            raise ValueError("too large")
        super().checkpoint(stage, output, data)


def test_a_result_that_cannot_be_stored_ends_the_run_as_an_internal_error() -> None:
    journal = Refusing("result")
    run([ScriptedStage("search")], journal)
    assert journal.story() == ["search started", "search completed", "error", "done"]
    assert (journal.status, journal.last("error")["code"]) == ("failed", "INTERNAL_ERROR")


@pytest.mark.parametrize(
    ("blocking", "ends"),
    [(True, ["error", "done"]), (False, ["analyze started", "analyze completed", "result", "done"])],
)
def test_an_output_that_cannot_be_stored_is_a_failure_of_its_stage(blocking: bool, ends: list[str]) -> None:
    journal = Refusing("search")
    run([ScriptedStage("search", blocking=blocking), ScriptedStage("analyze")], journal)
    assert journal.story() == ["search started", "search failed", *ends]


def test_an_error_that_cannot_be_stored_is_told_as_an_internal_one() -> None:
    journal = Refusing("error")
    run([ScriptedStage("search", raising(errors.EmptyOutput("nul \x00")))], journal)
    assert journal.story() == ["search started", "search failed", "error", "done"]
    assert journal.last("error")["code"] == "INTERNAL_ERROR"


def test_an_error_of_the_api_is_a_defect_in_a_run() -> None:
    journal = ScriptedJournal()
    run([ScriptedStage("search", raising(errors.Conflict()))], journal)
    assert journal.status == "failed"


@pytest.mark.parametrize("failure", [Superseded(), OperationalError("gone"), InterfaceError("closed")])
def test_what_the_journal_raises_goes_up_untouched(failure: Exception) -> None:
    journal = ScriptedJournal()
    journal.failure = failure
    with pytest.raises(type(failure)) as raised:
        run([ScriptedStage("search")], journal)
    assert raised.value is failure
    assert journal.events == []


@pytest.mark.parametrize("failure", [Superseded(), OperationalError("gone"), InterfaceError("closed")])
@pytest.mark.parametrize("blocking", [True, False])
def test_what_the_journal_raises_in_the_middle_of_a_stage_goes_up_untouched(
    failure: Exception, blocking: bool, caplog: pytest.LogCaptureFixture
) -> None:
    journal = ScriptedJournal()

    def overtaken(context: list[str], report: Report) -> Output:
        journal.failure = failure
        report("still here")
        raise AssertionError("the report must not return")

    with pytest.raises(type(failure)) as raised:
        run([ScriptedStage("search", overtaken, blocking=blocking)], journal)
    assert raised.value is failure
    assert journal.story() == ["search started"]
    assert caplog.text == ""


def test_a_database_that_goes_away_in_a_stage_does_not_end_the_stream() -> None:
    journal = ScriptedJournal()
    with pytest.raises(OperationalError):
        run([ScriptedStage("search", raising(OperationalError("gone")))], journal)
    assert journal.story() == ["search started"]
    assert journal.status == ""


def test_a_cancelled_run_stops_before_its_next_stage() -> None:
    journal = ScriptedJournal()
    journal.cancel_after = 1
    analyze = ScriptedStage("analyze")
    run([ScriptedStage("search"), analyze], journal)
    assert journal.story() == ["search started", "search completed", "error", "done"]
    assert journal.last("error") == {
        "message": "The run was cancelled.", "code": "CANCELLED", "retryable": False,
    }  # fmt: skip
    assert analyze.runs == 0


def taking(clock: Clock, seconds: float) -> Script:
    def script(context: list[str], report: Report) -> Output:
        clock.now += seconds
        return Output("slowly")

    return script


def test_a_run_out_of_time_stops_before_its_next_stage() -> None:
    clock, journal = Clock(), ScriptedJournal()
    stages = [ScriptedStage("search", taking(clock, 540)), ScriptedStage("analyze")]
    run(stages, journal, clock, budget=Budget(seconds=600, reserve=60))
    assert journal.story() == ["search started", "search completed", "error", "done"]
    assert journal.last("error")["code"] == "BUDGET_EXCEEDED"
    assert journal.last("error")["stage"] == "analyze"
    assert journal.last("error")["retryable"] is True


def test_a_reserved_stage_may_use_the_time_kept_for_finishing() -> None:
    clock, journal = Clock(), ScriptedJournal()
    stages = [ScriptedStage("search", taking(clock, 599)), ScriptedStage("persist", reserved=True)]
    run(stages, journal, clock, budget=Budget(seconds=600, reserve=60))
    assert journal.status == "completed"


def test_not_even_a_reserved_stage_starts_after_the_whole_budget() -> None:
    clock, journal = Clock(), ScriptedJournal()
    stages = [ScriptedStage("search", taking(clock, 600)), ScriptedStage("persist", reserved=True)]
    run(stages, journal, clock, budget=Budget(seconds=600, reserve=60))
    assert journal.last("error")["code"] == "BUDGET_EXCEEDED"


@pytest.mark.parametrize(
    "stage",
    [
        ScriptedStage("search"),
        ScriptedStage("search", raising(errors.EmptyInput())),
        ScriptedStage("search", raising(Transient("busy"))),
        ScriptedStage("search", raising(RuntimeError("defect"))),
        ScriptedStage("search", raising(RuntimeError("defect")), blocking=False),
    ],
    ids=["success", "error", "transient", "defect", "not blocking"],
)
def test_every_ending_says_done_exactly_once_and_last(stage: ScriptedStage) -> None:
    journal = ScriptedJournal()
    run([stage], journal)
    names = [event for event, _ in journal.events]
    assert names.count("done") == 1
    assert names[-1] == "done"
    assert names[-2] in {"result", "error"}
    assert names.count("result") + names.count("error") == 1
