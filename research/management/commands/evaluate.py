"""Scores the analyst on a labelled set."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from rich.console import Console
from rich.progress import Progress
from rich.table import Column, Table

from manticscore.lib.scratchdb import scratch_database
from research import evaluation, importing
from research.evaluation import BadInput, Case, Outcome, Summary

SHOWN = 5
IDEA_WIDTH = 20  # the table fits into 80 columns
INTERRUPTED = 130


class Command(BaseCommand):
    help = (
        "Import a corpus into a throw-away database, research every labelled idea with the real pipeline and"
        " score the order of the products found. CASES is JSONL with `idea` and `relevant`, the ids of the"
        " corpus's products that compete; CORPUS is what import_sources takes. precision@10 is hits among the"
        " first 10 over 10; recall@20 is hits among the first 20 over min(20, relevant), because no ranking"
        " gets 55 products into 20 places (`all relevant` is hits over all of them). `valid quotes` re-reads"
        " every row that was stored against its source. Every idea runs twice and must give the same"
        " artifact. EMBEDDINGS=corpus measures the fallback without model weights."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--cases", type=Path, required=True, help="labelled ideas, JSONL")
        parser.add_argument("--corpus", type=Path, required=True, help="products, JSONL or CSV")

    def handle(self, *args: Any, **options: Any) -> None:
        console = Console(stderr=True)
        try:
            cases = evaluation.read_cases(options["cases"])
            records, refused = evaluation.read_corpus(options["corpus"])
            missing = evaluation.check_labels(cases, records)
        except BadInput as error:
            raise CommandError(str(error)) from None
        warn(console, "record left out", refused)
        warn(console, "labelled product that is not in the corpus", missing)
        try:
            outcomes = measure(cases, records, console)
        except KeyboardInterrupt:
            raise CommandError("Interrupted; nothing is left behind", returncode=INTERRUPTED) from None
        console.print(table(outcomes))
        self.stdout.write(report(evaluation.summarise(outcomes)))
        failed = sum(outcome.failed for outcome in outcomes)
        if failed:
            raise CommandError(f"{failed} of {len(outcomes)} ideas ended with an error; see the table")


def warn(console: Console, what: str, found: Sequence[str]) -> None:
    for text in found[:SHOWN]:
        console.print(f"{what}: {text}", markup=False, highlight=False)
    if len(found) > SHOWN:
        console.print(f"{what}: {len(found) - SHOWN} more")


def measure(cases: Sequence[Case], records: Sequence[importing.Record], console: Console) -> list[Outcome]:
    with Progress(console=console, transient=True) as progress:
        preparing = progress.add_task("Preparing a database", total=None)
        with scratch_database():
            progress.update(preparing, visible=False)
            indexing = progress.add_task("Indexing the corpus", total=len(records))
            evaluation.load(
                records, lambda done, total: progress.update(indexing, completed=done, total=total)
            )
            outcomes = evaluation.evaluate(cases, timezone.now().date())
            return list(progress.track(outcomes, total=len(cases), description="Researching"))


def report(summary: Summary) -> str:
    return "\n".join(
        [
            f"precision@10 {summary.precision:.3f}",
            f"recall@20 {summary.recall:.3f}",
            f"all relevant {summary.plain_recall:.3f}",
            f"valid quotes {summary.valid_quotes:.3f}",
            f"identical artifacts {summary.identical} of {summary.cases}",
            f"seconds per run p50 {summary.p50:.2f} p95 {summary.p95:.2f}",
        ]
    )


def table(outcomes: Sequence[Outcome]) -> Table:
    result = Table(
        Column("idea", no_wrap=True, max_width=IDEA_WIDTH),
        "known",
        "P@10",
        "R@20",
        "rows",
        "valid",
        "s",
        "artifact",
    )
    for outcome in outcomes:
        run = outcome.run
        same = f"{run.artifact_hash[:8]} {'' if outcome.identical else 'DIFFERS'}".rstrip()
        result.add_row(
            outcome.case.idea,
            str(len(outcome.case.relevant)),
            f"{outcome.precision:.2f}",
            f"{outcome.recall:.2f}",
            str(run.rows),
            str(run.proved_rows),
            f"{run.seconds:.2f}",
            run.error or same,
        )
    return result
