"""What the demonstration draws: steps, a job's live progress, and everything it shows for good.

On a terminal things move; elsewhere the same is said in plain lines, once.
"""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.spinner import Spinner
from rich.status import Status
from rich.text import Text

STAGES = ("interpret", "search", "judge", "analyze", "synthesize", "persist")
MARKS = {
    "waiting": ("·", "dim"),
    "started": ("▸", "cyan"),
    "completed": ("✓", "green"),
    "failed": ("✗", "red"),
}
NOT_COUNTS = {"seq", "entity_id", "channel", "name", "status", "duration_ms", "attempt"}
WIDEST = 120
PICTURE_WIDTH = 100
# rich's pictures ask a content network for a font; a reader's own monospace font does as well.
REMOTE_FONT = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


class Screen:
    """The terminal, and a memory of what was shown on it for good."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False)
        self._console.width = min(self._console.width, WIDEST)
        self._shown: list[RenderableType] = []

    @property
    def is_live(self) -> bool:
        return self._console.is_terminal and not self._console.is_dumb_terminal

    def show(self, *things: RenderableType) -> None:
        for thing in things:
            self._console.print(thing)
            self._shown.append(thing)

    @contextmanager
    def step(self, doing: str, done: str) -> Iterator[Step]:
        """Says what is being done, and when that worked, that it is done and how long it took."""
        started = time.monotonic()
        status: AbstractContextManager[Status | None] = nullcontext()
        if self.is_live:
            status = self._console.status(clean(doing))
        with status as spinner:
            step = Step(spinner, lambda text: self.show(Text(f"  {text}", "dim")))
            yield step
        self.show(step_line(done, step.text, time.monotonic() - started))

    @contextmanager
    def progress(self) -> Iterator[Progress]:
        """A job's stages while they run; their final state stays."""
        if not self.is_live:
            yield Progress(lambda line: self.show(line))
            return
        progress = Progress(lambda line: None)
        with Live(
            get_renderable=progress.table, console=self._console, refresh_per_second=10, transient=True
        ):
            yield progress
        self.show(progress.table())

    def delivery(self, events: int, dropped_after: int) -> None:
        """One line for the transports, one for the resumed connection."""
        self.show(done_line(f"HTTP and WebSocket delivered the same {events} events, each exactly once"))
        if dropped_after:
            resumed = f"HTTP dropped after event {dropped_after}, resumed with ?cursor={dropped_after}"
            self.show(done_line(f"{resumed}: nothing lost or doubled"))

    def save_picture(self, path: Path, title: str) -> None:
        """Everything that was shown, as an SVG."""
        recorder = Console(
            record=True, width=PICTURE_WIDTH, file=io.StringIO(), force_terminal=True, highlight=False,
            color_system="truecolor", no_color=False,
        )  # fmt: skip
        for thing in self._shown:
            recorder.print(thing)
        path.write_text(REMOTE_FONT.sub("", recorder.export_svg(title=title)), encoding="utf-8")


class Step:
    """Something under way: what it is at, and what to add when it is done."""

    def __init__(self, spinner: Status | None, say: Callable[[str], None]) -> None:
        self.text = ""
        self._spinner = spinner
        self._say = say

    def at(self, text: str) -> None:
        if self._spinner is None:
            self._say(text)
        else:
            self._spinner.update(clean(text))

    def note(self, text: str) -> None:
        self.text = text


def step_line(done: str, note: str, seconds: float) -> Text:
    line = done_line(done)
    if note:
        line.append(f"  {note}", "dim")
    return line.append(f"  {duration(seconds)}", "cyan")


def done_line(text: str) -> Text:
    return Text.assemble(("✓ ", "green"), text)


@dataclass(slots=True)
class Stage:
    """A stage as the events told it."""

    status: str = "waiting"
    counts: str = ""
    seconds: float | None = None
    started_at: float = 0.0

    def update(self, data: Mapping[str, Any], now: float) -> None:
        self.status = data["status"]
        self.counts = ", ".join(
            f"{name.replace('_', ' ')} {data[name]}" for name in sorted(data) if name not in NOT_COUNTS
        )
        if self.status == "started":
            self.started_at = now
            self.counts = f"attempt {data['attempt']}" if "attempt" in data else ""
        else:
            self.seconds = data["duration_ms"] / 1000

    def elapsed(self, now: float) -> float | None:
        return now - self.started_at if self.status == "started" else self.seconds


@dataclass(slots=True)
class Progress:
    """A job's stages and latest message. `say` gets the lines for a screen that does not move."""

    say: Callable[[Text], None]
    stages: dict[str, Stage] = field(default_factory=lambda: {name: Stage() for name in STAGES})
    message: str = "Waiting for a worker"
    clock: Callable[[], float] = time.monotonic
    spinner: Spinner = field(default_factory=lambda: Spinner("dots", style="cyan"))

    def update(self, event: str, data: Mapping[str, Any]) -> None:
        """Take in one event; types not known here are skipped, as every client must."""
        if event == "stage":
            stage = self.stages.setdefault(data["name"], Stage())
            stage.update(data, self.clock())
            if stage.status != "started":
                self.say(self.row(data["name"], stage))
        elif event == "progress":
            self.message = data["message"]
            self.say(Text(f"    {clean(self.message)}", "dim"))
        elif event == "retry":
            self.message = f"{data['stage']}: trying again in {data['wait_ms'] / 1000:.1f} s"
            self.say(Text(f"    {self.message}", "yellow"))

    def row(self, name: str, stage: Stage) -> Text:
        mark, style = MARKS[stage.status]
        seconds = stage.elapsed(self.clock())
        took = "" if seconds is None else duration(seconds)
        bold = "bold" if stage.status == "started" else ""
        return Text.assemble(
            "  ", (mark, style), " ", (f"{name:<12}", bold), (f"{took:>8}  ", "cyan"), stage.counts
        )

    def table(self) -> RenderableType:
        rows: list[RenderableType] = [self.row(name, stage) for name, stage in self.stages.items()]
        if any(stage.status in ("waiting", "started") for stage in self.stages.values()):
            self.spinner.update(text=Text(clean(self.message), "dim"))
            rows.append(Padding(self.spinner, (0, 2)))
        return Group(*rows)


def duration(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def clean(text: str) -> str:
    """Text from elsewhere without what would steer the terminal."""
    return "".join(character if character.isprintable() else " " for character in text)
