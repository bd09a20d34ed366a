"""Rebind conflicts as a file."""

from __future__ import annotations

import csv
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from django.core.management.base import BaseCommand

from accounts import conflicts


class Command(BaseCommand):
    help = (
        "Write rebind conflicts, by default all of them, oldest first, as CSV or as one JSON object a line."
        " Devices are numbers: their ids are not stored. Changes nothing in the database; an existing file"
        " is replaced when the export is complete. The count is written to standard error."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--state", choices=("open", "resolved", "all"), default="all")
        parser.add_argument("--format", choices=("csv", "jsonl"), default="csv")
        parser.add_argument("--output", type=Path, help="a file instead of standard output")

    def handle(self, *args: Any, **options: Any) -> None:
        rows = conflicts.rows(conflicts.select(options["state"]))
        write = write_csv if options["format"] == "csv" else write_jsonl
        if options["output"] is None:
            count = write(self.stdout, rows)
        else:
            with replacing(options["output"]) as file:
                count = write(file, rows)
        self.stderr.write(f"{count} rebind conflicts exported.")


@contextmanager
def replacing(path: Path) -> Iterator[IO[str]]:
    """A file that takes its name only when it is complete."""
    partial = path.with_name(f"{path.name}.partial")
    with partial.open("w", newline="", encoding="utf-8") as file:
        yield file
    partial.replace(path)


def write_csv(file: Any, rows: Iterator[dict[str, Any]]) -> int:
    writer = csv.DictWriter(file, conflicts.COLUMNS, lineterminator="\n")
    writer.writeheader()
    count = 0
    for row in rows:
        writer.writerow(row)
        count += 1
    return count


def write_jsonl(file: Any, rows: Iterator[dict[str, Any]]) -> int:
    count = 0
    for row in rows:
        file.write(conflicts.as_json(row) + "\n")
        count += 1
    return count
