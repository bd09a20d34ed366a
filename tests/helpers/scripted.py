"""Stages, a journal and a clock that do what a test tells them, for manticscore.pipeline."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from manticscore.pipeline import Output, Report

Script = Callable[[list[str], Report], Output]


class ScriptedJournal:
    """Remembers what it was told, in order; raises what `failures` holds for a call's position."""

    def __init__(self, completed: dict[str, Any] | None = None, attempt: int = 1) -> None:
        self.attempt = attempt
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.checkpoints: dict[str, Any] = dict(completed or {})
        self.status = ""
        self.failure: Exception | None = None
        self.cancel_after: int | None = None

    def completed(self) -> dict[str, Any]:
        return dict(self.checkpoints)

    def emit(self, event: str, data: dict[str, Any]) -> None:
        if self.failure is not None:
            raise self.failure
        assert not self.status, "the stream has ended"
        self.events.append((event, data))

    def checkpoint(self, stage: str, output: Any, data: dict[str, Any]) -> None:
        assert stage not in self.checkpoints, "a stage is completed once"
        self.emit("stage", data)
        self.checkpoints[stage] = output

    def finish(self, status: str, event: str, data: dict[str, Any]) -> None:
        self.emit(event, data)
        self.emit("done", {})
        self.status = status

    def cancelled(self) -> bool:
        return self.cancel_after is not None and len(self.checkpoints) >= self.cancel_after

    def story(self) -> list[str]:
        """The events in short: `search started`, `retry search`, `error`."""
        told = []
        for event, data in self.events:
            match event:
                case "stage":
                    told.append(f"{data['name']} {data['status']}")
                case "progress" | "retry":
                    told.append(f"{event} {data['stage']}")
                case _:
                    told.append(event)
        return told

    def last(self, event: str) -> dict[str, Any]:
        return [data for name, data in self.events if name == event][-1]


class ScriptedStage:
    """Its context is a list of words; completing adds one."""

    def __init__(
        self,
        name: str,
        *scripts: Script,
        blocking: bool = True,
        reserved: bool = False,
        resume: Exception | None = None,
    ) -> None:
        self.name, self.blocking, self.reserved = name, blocking, reserved
        self.runs = 0
        self._scripts = scripts or (lambda context, report: Output(f"{name} output"),)
        self._resume = resume

    def run(self, context: list[str], report: Report) -> Output:
        script = self._scripts[min(self.runs, len(self._scripts) - 1)]
        self.runs += 1
        return script(context, report)

    def resume(self, context: list[str], output: Any) -> None:
        if self._resume:
            raise self._resume
        context.append(output)


class Clock:
    """Moves when somebody sleeps, or when a stage says that it took long."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def raising(error: Exception) -> Script:
    def script(context: list[str], report: Report) -> Output:
        raise error

    return script


def succeeding(output: str = "at last") -> Script:
    return lambda context, report: Output(output)
