"""Measures speed and memory against floors in the same run."""

from __future__ import annotations

import json
import logging
import os
import platform
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.table import Table

from manticscore.benchmarks import Measurement, Note, append, memory, replay, requests, research_run
from manticscore.benchmarks.server import ServerFailed, running
from manticscore.lib.scratchdb import conninfo, scratch_database
from research import catalogue

INTERRUPTED = 130
PARTS = ["append", "requests", "memory", "replay", "research"]
FAILURES = (ServerFailed, replay.WrongReplay, requests.NoLoad, research_run.RunFailed, httpx.HTTPError)


class Command(BaseCommand):
    help = (
        "Measure the event log (append, replay), requests, the idle server's memory and a whole research run,"
        " over a throw-away database and real server processes. Appending is compared with a bare psycopg"
        " insert loop and requests with other ways to write them, in alternating rounds. Prints a table,"
        " writes JSON, and exits with 1 when a required ratio is missed."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--rounds", type=positive, default=7, help="rounds per figure; medians count")
        parser.add_argument("--events", type=positive, default=500, help="events per round of appending")
        parser.add_argument(
            "--replay-events", type=positive, default=10_000, help="length of the replayed stream"
        )
        parser.add_argument(
            "--seconds", type=positive, default=2, help="length of a round of requests; they need wrk"
        )
        parser.add_argument("--only", choices=PARTS, action="append")
        parser.add_argument("--output", type=Path, default=Path("bench-results.json"))

    def handle(self, *args: Any, **options: Any) -> None:
        logging.getLogger("httpx").setLevel(logging.WARNING)
        console = Console(stderr=True)
        wanted = options["only"] or PARTS
        if "requests" in wanted and not requests.can_load():
            self.stderr.write("wrk is not installed, so requests are not measured (Debian: apt install wrk)")
            wanted = [part for part in wanted if part != "requests"]
            if not wanted:
                return
        try:
            with scratch_database() as database, console.status("Preparing") as status:
                results = measure(conninfo(database), wanted, options, status.update)
        except KeyboardInterrupt:
            raise CommandError("Interrupted; nothing is left behind", returncode=INTERRUPTED) from None
        except FAILURES as error:
            raise CommandError(f"Nothing was measured: {error}") from error
        Console().print(table(results))
        write(options["output"], results)
        missed = [result.name for result in results if not result.passed]
        if missed:
            raise CommandError(f"Below what is required: {', '.join(missed)}")


def positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)


def measure(database: str, wanted: Sequence[str], options: dict[str, Any], note: Note) -> list[Measurement]:
    """Everything asked for. Appending comes first, while no server shares the machine."""
    rounds = options["rounds"]
    results: list[Measurement] = []
    if "append" in wanted:
        note("Appending events")
        results += append.measure(database, rounds, options["events"])
    if "requests" in wanted:
        note("Asking for a job's status")
        results += requests.measure(database, options["seconds"], rounds)
    if "memory" in wanted:
        note("Waiting beside an idle server without worker")
        with running(database, "--no-worker") as server:
            results.append(memory.idle("idle server without worker", server))
    if {"replay", "memory", "research"}.intersection(wanted):
        results += with_worker(database, wanted, rounds, options["replay_events"], note)
    return results


def with_worker(
    database: str, wanted: Sequence[str], rounds: int, events: int, note: Note
) -> list[Measurement]:
    """What is measured on a server as `make serve` starts it."""
    results: list[Measurement] = []
    if "research" in wanted:
        note("Loading the seed catalogue")
        catalogue.load()
    with running(database) as server:
        server.wait_until_ready()
        if "memory" in wanted:
            note("Waiting beside an idle server")
            results.append(memory.idle("idle server with worker", server))
        if "replay" in wanted:
            note("Replaying a stream")
            results += replay.measure(server, database, rounds, events)
        if "research" in wanted:
            note("Researching an idea")
            results += research_run.measure(server, rounds)
            results.append(memory.now("server after research runs", server))
    return results


def table(results: Sequence[Measurement]) -> Table:
    shown = Table("measured", "median", "", "range", "required", title="Benchmarks")
    for result in results:
        low, high = min(result.rounds, default=result.value), max(result.rounds, default=result.value)
        verdict = (
            "" if result.required is None else f"{result.required:g} {'met' if result.passed else 'MISSED'}"
        )
        spread = f"{number(low)} to {number(high)}" if result.rounds else ""
        shown.add_row(result.name, number(result.value), result.unit, spread, verdict)
    return shown


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
