"""Import of sources from a file."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import Progress

from research import importing, indexing

SHOWN_ERRORS = 20
MAX_ORIGIN = 40  # characters that Source.origin holds


class Command(BaseCommand):
    help = (
        "Import sources from a JSONL or CSV file and index them. Each record needs id, name, url and one of"
        " text, description or sentences; category, founded, pricing, kind, published_on, stars and"
        " commits_by_month are used when present. A record with a known id is updated when it differs."
        " Bad lines are reported by number and left out; the others are kept. Safe to run again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--origin", help="name of this set of sources; default: the file's name")

    def handle(self, *args: Any, **options: Any) -> str:
        path: Path = options["file"]
        if not path.is_file():
            raise CommandError(f"There is no file {path}")
        origin = options["origin"] or path.stem
        if len(origin) > MAX_ORIGIN:
            raise CommandError(f"The name {origin!r} has more than {MAX_ORIGIN} characters; give an --origin")
        tally = importing.Tally()
        with Progress(console=Console(stderr=True), transient=True) as progress:
            try:
                self.store(path, origin, tally)
            except importing.BadRecord as error:
                raise CommandError(str(error)) from error
            indexed = indexing.index(lambda done, total: show(progress, done, total))
        return (
            f"{tally.created} created, {tally.updated} updated, {tally.unchanged} unchanged,"
            f" {tally.refused} refused; {indexed} indexed."
        )

    def store(self, path: Path, origin: str, tally: importing.Tally) -> None:
        for batch in importing.batches(self.good_records(path, tally)):
            part = importing.store(origin, batch)
            tally.created += part.created
            tally.updated += part.updated
            tally.unchanged += part.unchanged

    def good_records(self, path: Path, tally: importing.Tally) -> Iterator[importing.Record]:
        for number, record in importing.read(path):
            if isinstance(record, importing.Record):
                yield record
                continue
            tally.refused += 1
            if tally.refused <= SHOWN_ERRORS:
                self.stderr.write(f"{path.name}:{number}: {record}")
            elif tally.refused == SHOWN_ERRORS + 1:
                self.stderr.write("further errors are counted, not shown")


def show(progress: Progress, done: int, total: int) -> None:
    """One bar for the slow part, the embedding."""
    if not progress.task_ids:
        progress.add_task("Indexing", total=total)
    progress.update(progress.task_ids[0], completed=done, total=total)
