"""Pipelines: a context, stateless stages, and one runner that owns control flow.

A stage computes; it neither publishes nor decides what happens next. The runner emits
`stage` started / completed / failed, checkpoints every completed stage, skips completed stages
when a run is resumed, repeats transient failures with a `retry` event, keeps the time budget with a
reserve for the stages that must always run, honours cancellation, and ends the run exactly once.

Nothing in here knows the database, a channel or a model: that is behind `Journal`.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from manticscore import errors
from manticscore.lib.faults import crash_point

Context = TypeVar("Context")
ContextIn = TypeVar("ContextIn", contravariant=True)

logger = logging.getLogger(__name__)


class Transient(Exception):
    """A failure that may pass by itself; the runner tries the stage again."""


class Superseded(Exception):
    """Raised by a journal: another execution has taken the run over, or the run has ended."""


class Journal(Protocol):
    """The durable side of a run: its event stream and its checkpoints."""

    @property
    def attempt(self) -> int:
        """Which execution of the run this is, from 1; carried by events of a resumed run."""

    def completed(self) -> dict[str, Any]:
        """Outputs of the stages that are over, by name; None for one that failed without blocking."""

    def emit(self, event: str, data: dict[str, Any]) -> None:
        """Append an event. Raises Superseded when this execution is not the current one any more."""

    def checkpoint(self, stage: str, output: Any, data: dict[str, Any]) -> None:
        """Store a stage's output and append its completion in one step, so neither exists alone."""

    def finish(self, status: str, event: str, data: dict[str, Any]) -> None:
        """Append `event`, then `done`, and close the stream with `status`, in one step."""

    def cancelled(self) -> bool:
        """Whether somebody asked this run to stop."""


@dataclass(frozen=True, slots=True)
class Output:
    """What a stage made: JSON data for later stages, and what its `completed` event tells."""

    data: Any
    counts: Mapping[str, Any] = field(default_factory=dict)


class Report:
    """Given to a stage for telling people what it is doing."""

    def __init__(self, stage: str, emit: Callable[[str, dict[str, Any]], None]) -> None:
        self._stage = stage
        self._emit = emit

    def __call__(self, message: str) -> None:
        self._emit("progress", {"stage": self._stage, "message": message})


class Stage(Protocol[ContextIn]):
    """One step. `run` reads the context and returns an output; `resume` puts an output into it.

    `blocking` False: when the stage fails the run goes on without its output. `reserved` True: the
    stage may use the time held back for finishing, so that what was found is never lost.
    """

    name: str
    blocking: bool
    reserved: bool

    def run(self, context: ContextIn, report: Report) -> Output: ...

    def resume(self, context: ContextIn, output: Any) -> None: ...


@dataclass(frozen=True, slots=True)
class Budget:
    """Seconds a run may take, of which `reserve` are kept for reserved stages."""

    seconds: float = 600
    reserve: float = 60

    def allows(self, elapsed: float, reserved: bool) -> bool:
        return elapsed < (self.seconds if reserved else self.seconds - self.reserve)


@dataclass(frozen=True, slots=True)
class Patience:
    """How often a transient failure is tried again, and how long to wait before it."""

    tries: int = 3
    first_wait: float = 0.5
    longest_wait: float = 8.0

    def wait(self, failures: int) -> float:
        """Seconds before the next try: doubling, with jitter so that runs do not march in step."""
        wait = min(self.longest_wait, self.first_wait * 2.0 ** (failures - 1))
        return wait * random.uniform(0.8, 1.2)


class Pipeline(Generic[Context]):
    """Stages in order, and how the finished context becomes the `result` event."""

    def __init__(
        self,
        stages: Sequence[Stage[Context]],
        result: Callable[[Context], dict[str, Any]],
        *,
        budget: Budget | None = None,
        patience: Patience | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._stages = stages
        self._result = result
        self._budget = budget or Budget()
        self._patience = patience or Patience()
        self._clock = clock
        self._sleep = sleep

    def run(self, context: Context, journal: Journal) -> None:
        """Run to the end, from wherever the journal says the run is.

        Expected failures and our own defects end the stream with `error` and `done`, also those of storing
        what was made. A superseded execution and a lost database go up: then the stream is not ours to end.
        """
        started = self._clock()
        completed = journal.completed()
        try:
            with defects_as_errors("the run"):
                for stage in self._stages:
                    if stage.name in completed:
                        self._resume(stage, context, completed[stage.name])
                    else:
                        self._check(stage, journal, self._clock() - started)
                        self._run_stage(stage, context, journal)
                journal.finish("completed", "result", self._result(context))
        except errors.PipelineError as error:
            finish_with_error(journal, error)

    def _resume(self, stage: Stage[Context], context: Context, output: Any) -> None:
        if output is not None:
            with defects_as_errors(f"resuming after stage {stage.name}"):
                stage.resume(context, output)

    def _check(self, stage: Stage[Context], journal: Journal, elapsed: float) -> None:
        if journal.cancelled():
            raise errors.Cancelled()
        if not self._budget.allows(elapsed, stage.reserved):
            raise errors.BudgetExceeded(stage=stage.name)

    def _run_stage(self, stage: Stage[Context], context: Context, journal: Journal) -> None:
        again = {"attempt": journal.attempt} if journal.attempt > 1 else {}
        journal.emit("stage", {"name": stage.name, "status": "started", **again})
        started = self._clock()
        crash_point(f"{stage.name}:started")
        try:
            output = self._try(stage, context, journal)
            crash_point(f"{stage.name}:computed")
            with defects_as_errors(f"the output of stage {stage.name}"):
                stage.resume(context, output.data)
                done = {"name": stage.name, "status": "completed", **output.counts}
                data = {**done, "duration_ms": self._milliseconds(started), **again}
                journal.checkpoint(stage.name, output.data, data)
        except errors.PipelineError as error:
            failed = {"name": stage.name, "status": "failed", "code": error.code}
            data = {**failed, "duration_ms": self._milliseconds(started), **again}
            if stage.blocking:
                journal.emit("stage", data)
                raise
            # A resumed run must go the same way: what later stages made was made without this output.
            journal.checkpoint(stage.name, None, data)
            return
        crash_point(f"{stage.name}:completed")

    def _try(self, stage: Stage[Context], context: Context, journal: Journal) -> Output:
        """The stage's output, after as many tries as its failures deserve."""
        failures = 0
        while True:
            try:
                with defects_as_errors(f"stage {stage.name}"):
                    return stage.run(context, Report(stage.name, journal.emit))
            except Transient as error:
                failures += 1
                if failures >= self._patience.tries:
                    raise errors.InternalError(str(error)) from error
                wait = self._patience.wait(failures)
                data = {"stage": stage.name, "attempt": failures + 1, "wait_ms": round(wait * 1000)}
                journal.emit("retry", data)
                self._sleep(wait)

    def _milliseconds(self, since: float) -> int:
        return round((self._clock() - since) * 1000)


@contextmanager
def defects_as_errors(what: str) -> Iterator[None]:
    """A mistake of ours ends the run as INTERNAL_ERROR; failures that have a name of their own go up."""
    try:
        yield
    except (errors.PipelineError, Transient, Superseded):
        raise
    except Exception as error:
        if isinstance(error, errors.DATABASE_GONE):
            raise  # the database is gone: nothing can be appended now
        logger.exception("%s failed", what)
        raise errors.InternalError() from error


def finish_with_error(journal: Journal, error: errors.PipelineError) -> None:
    """End a run with an `error` event (spec: errors, streaming errors).

    A failure of telling it is told instead, as a defect.
    """
    try:
        with defects_as_errors("the error"):
            journal.finish("failed", "error", error.told)
    except errors.InternalError as defect:
        journal.finish("failed", "error", defect.told)
