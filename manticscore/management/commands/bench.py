"""Measures speed and memory against floors in the same run."""

from __future__ import annotations

import json
import logging
import os
import platform
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.table import Table

from manticscore.benchmarks import (
    QUICK,
    Measurement,
    Note,
    Sizes,
    append,
    build_graphs,
    connections,
    delivery,
    memory,
    projects,
    replay,
    requests,
    research_run,
    sustained,
)
from manticscore.benchmarks.load import Lost
from manticscore.benchmarks.private_redis import NoRedis, private_redis
from manticscore.benchmarks.server import ServerFailed, running
from manticscore.benchmarks.systems import Place
from manticscore.lib.scratchdb import conninfo, scratch_database
from research.corpus import catalogue

INTERRUPTED = 130
WIDTH = 120  # characters of the table
FAILURES = (
    ServerFailed,
    Lost,
    NoRedis,
    requests.NoLoad,
    research_run.RunFailed,
    build_graphs.PlanFailed,
    projects.WrongAnswer,
    httpx.HTTPError,
)


class Command(BaseCommand):
    help = (
        "Measure the event log, live delivery, replay, connections, requests, the idle server's memory, a"
        " whole research run, build graphs and full accounts, over a throw-away database and Redis and real"
        " server processes, beside peers and floors in alternating rounds. Prints a table, writes JSON, and"
        " exits with 1 when a required figure is missed."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--rounds", type=positive, default=3, help="rounds per figure; medians count")
        parser.add_argument(
            "--quick",
            action="store_true",
            help="small sizes, which show only that it runs; nothing is required",
        )
        parser.add_argument("--only", type=parts, help=f"some of {','.join(PARTS)}")
        parser.add_argument("--output", type=Path, default=Path("bench-results.json"))

    def handle(self, *args: Any, **options: Any) -> None:
        for name in ("httpx", "websockets"):
            logging.getLogger(name).setLevel(logging.WARNING)
        console = Console(stderr=True)
        wanted = options["only"] or list(PARTS)
        if "requests" in wanted and not requests.can_load():
            self.stderr.write("wrk is not installed, so requests are not measured (Debian: apt install wrk)")
            wanted = [part for part in wanted if part != "requests"]
            if not wanted:
                return
        sizes = QUICK if options["quick"] else Sizes()
        try:
            with console.status("Preparing") as status:
                results = []
                for measured in measure(wanted, options["rounds"], sizes, status.update):
                    results += measured
                    write(options["output"], results)  # what is interrupted keeps what it has
        except KeyboardInterrupt:
            raise CommandError("Interrupted", returncode=INTERRUPTED) from None
        except FAILURES as error:
            raise CommandError(f"Not everything was measured: {error}") from error
        Console(width=WIDTH).print(table(results))
        missed = [result.name for result in results if not result.passed]
        if missed and not options["quick"]:
            raise CommandError(f"Below what is required: {', '.join(missed)}")


def positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)


def parts(text: str) -> list[str]:
    wanted = text.split(",")
    if unknown := set(wanted).difference(PARTS):
        raise ArgumentTypeError(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    return wanted


def measure(wanted: Sequence[str], rounds: int, sizes: Sizes, note: Note) -> Iterator[list[Measurement]]:
    """Each part asked for. Appending comes first, while no server shares the machine."""
    with scratch_database() as database, private_redis() as redis:
        place = Place(conninfo(database), redis)
        for part, (what, measured) in PARTS.items():
            if part in wanted:
                note(what)
                yield measured(place, rounds, sizes, note)


def idle_memory(place: Place, rounds: int, sizes: Sizes, note: Note) -> list[Measurement]:
    """Of a server process alone, and as `make serve` starts it."""
    taken = []
    for name, options in (("without", ["--no-worker"]), ("with", [])):
        with running(place.database, *options) as server:
            taken.append(memory.idle(f"idle server {name} worker", server))
    return taken


def research(place: Place, rounds: int, sizes: Sizes, note: Note) -> list[Measurement]:
    catalogue.load()
    with running(place.database) as server:
        server.wait_until_ready()
        taken = research_run.measure(server, rounds)
        return [*taken, memory.now("server after research runs", server)]


Part = Callable[[Place, int, Sizes, Note], list[Measurement]]
PARTS: dict[str, tuple[str, Part]] = {
    "append": ("Appending events", append.measure),
    "delivery": ("Delivering bursts", delivery.measure),
    "sustained": ("Delivering for long", sustained.measure),
    "replay": ("Replaying streams", replay.measure),
    "connections": ("Connecting", connections.measure),
    "requests": ("Asking for a job's status", requests.measure),
    "memory": ("Waiting beside an idle server", idle_memory),
    "research": ("Researching an idea", research),
    "projects": ("Opening projects", projects.measure),
    "build-graphs": ("Planning and reading build graphs", build_graphs.measure),
}


def table(results: Sequence[Measurement]) -> Table:
    shown = Table("measured", "median", "", "range", "required", title="Benchmarks")
    for result in results:
        spread = f"{number(min(result.rounds))} to {number(max(result.rounds))}" if result.rounds else ""
        value = "-" if result.value is None else number(result.value)
        shown.add_row(result.name, value, result.unit, spread, f"{verdict(result)} {result.note}".strip())
    return shown


def verdict(result: Measurement) -> str:
    said = "met" if result.passed else "MISSED"
    if result.required is not None:
        return f"{number(result.required)} {said}"
    return "" if result.at_most is None else f"at most {number(result.at_most)} {said}"


def number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def write(path: Path, results: Sequence[Measurement]) -> None:
    machine = {"cores": os.cpu_count(), "machine": platform.machine(), "python": platform.python_version()}
    content = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine,
        "results": [result.as_json() for result in results],
    }
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
