"""Scores the analyst on a labelled set."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from rich.console import Console
from rich.progress import Progress
from rich.table import Column, Table

from manticscore.lib.scratchdb import scratch_database
from research import evaluation
from research.corpus import catalogue, indexing
from research.evaluation import BadInput, Case, Outcome, Summary

SHOWN = 5
IDEA_WIDTH = 20  # the table fits into 80 columns
INTERRUPTED = 130
OWN = "labelled by us over the shipped catalogue, {} ideas: small and optimistic"
RESEARCHING = {"offline": "Researching", "model": "With a language model"}


def share(value: float | None) -> str | None:
    return None if value is None else f"{value:.3f}"


# None is what this set has no labels for.
FIGURES: dict[str, Callable[[Summary], str | None]] = {
    "precision@10": lambda one: share(one.precision),
    "recall@20": lambda one: share(one.recall),
    "all relevant": lambda one: share(one.plain_recall),
    "listed precision": lambda one: share(one.listed_precision),
    "incumbents placed": lambda one: share(one.incumbents),
    "emerging placed": lambda one: share(one.emerging),
    "gap precision": lambda one: share(one.gap_precision),
    "gap recall": lambda one: share(one.gap_recall),
    "valid quotes": lambda one: share(one.valid_quotes),
    "identical artifacts": lambda one: f"{one.identical} of {one.cases}" if one.repeated else None,
    "seconds p50": lambda one: f"{one.p50:.2f}",
    "seconds p95": lambda one: f"{one.p95:.2f}",
    "dollars per run": lambda one: f"{one.micro_usd / 1_000_000:.4f}",
}


class Command(BaseCommand):
    help = (
        "Import a corpus into a throw-away database, research every labelled idea with the real pipeline and"
        " score the order of the products found. CASES is JSONL with `idea` and `relevant`, the ids of the"
        " corpus's products that compete; CORPUS is what import_sources takes. precision@10 is hits among the"
        " first 10 over 10; recall@20 is hits among the first 20 over min(20, relevant), because no ranking"
        " gets 55 products into 20 places (`all relevant` is hits over all of them). `valid quotes` re-reads"
        " every row that was stored against its source. Every idea runs twice and must give the same"
        " artifact. EMBEDDINGS=corpus measures the fallback without model weights. Where a language model is"
        " configured, its path runs once for every idea, which costs money, and gets a column of its own."
        " A case may name its `incumbents`, its `emerging` products and its `gaps` too (lists of wordings);"
        " then the share of those that the artifact puts there is printed. --labelled scores a small set of"
        " our own over the shipped catalogue, which has all of these, after or instead of CASES."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--cases", type=Path, help="labelled ideas, JSONL")
        parser.add_argument("--corpus", type=Path, help="products, JSONL or CSV")
        parser.add_argument("--labelled", action="store_true", help="score our own small set too")

    def handle(self, *args: Any, **options: Any) -> None:
        console = Console(stderr=True)
        try:
            found = [
                outcome
                for scored in sets(options, console)
                for outcomes in self.score(scored, console).values()
                for outcome in outcomes
            ]
        except BadInput as error:
            raise CommandError(str(error)) from None
        except KeyboardInterrupt:
            raise CommandError("Interrupted; nothing is left behind", returncode=INTERRUPTED) from None
        failed = sum(outcome.failed for outcome in found)
        if failed:
            raise CommandError(f"{failed} of {len(found)} ideas ended with an error; see the table")

    def score(self, scored: LabelledSet, console: Console) -> dict[str, list[Outcome]]:
        """Measure a set and print its figures."""
        engines = measure(scored, console)
        for outcomes in engines.values():
            console.print(table(outcomes))
        self.stdout.write(scored.title)
        self.stdout.write(report({name: evaluation.summarise(found) for name, found in engines.items()}))
        return engines


@dataclass(frozen=True, slots=True)
class LabelledSet:
    """Ideas with their labels, and what fills an empty database with the products."""

    title: str
    cases: Sequence[Case]
    load: Callable[[indexing.Progress], object]


def sets(options: dict[str, Any], console: Console) -> list[LabelledSet]:
    """What is to be scored. All files are read before anything is measured."""
    wanted = []
    if options["cases"] and options["corpus"]:
        cases = evaluation.read_cases(options["cases"])
        records, refused = evaluation.read_corpus(options["corpus"])
        missing = evaluation.check_labels(cases, records)
        warn(console, "record left out", refused)
        warn(console, "labelled product that is not in the corpus", missing)
        title = f"{options['cases'].name}, {len(cases)} ideas"
        wanted.append(LabelledSet(title, cases, partial(evaluation.load, records)))
    elif options["cases"] or options["corpus"] or not options["labelled"]:
        raise CommandError("--cases and --corpus belong together; without them there is --labelled")
    if options["labelled"]:
        cases = evaluation.read_cases(evaluation.LABELLED)
        wanted.append(LabelledSet(OWN.format(len(cases)), cases, load_catalogue))
    return wanted


def load_catalogue(progress: indexing.Progress) -> None:
    """The shipped catalogue brings its vectors along, so there is no progress to speak of."""
    progress(catalogue.load(), len(catalogue.records()))


def warn(console: Console, what: str, found: Sequence[str]) -> None:
    for text in found[:SHOWN]:
        console.print(f"{what}: {text}", markup=False, highlight=False)
    if len(found) > SHOWN:
        console.print(f"{what}: {len(found) - SHOWN} more")


def measure(scored: LabelledSet, console: Console) -> dict[str, list[Outcome]]:
    """The outcomes of the offline analyst and, where one is configured, of the language model's path."""
    with Progress(console=console, transient=True) as progress:
        preparing = progress.add_task("Preparing a database", total=None)
        with scratch_database():
            progress.update(preparing, visible=False)
            indexing = progress.add_task("Indexing the corpus", total=None)
            scored.load(lambda done, total: progress.update(indexing, completed=done, total=total))
            today = timezone.now().date()
            engines = {"offline": evaluation.evaluate(scored.cases, today)}
            if evaluation.has_model():
                engines["model"] = evaluation.evaluate_model(scored.cases, today)
            return {
                name: list(progress.track(outcomes, total=len(scored.cases), description=RESEARCHING[name]))
                for name, outcomes in engines.items()
            }


def report(engines: Mapping[str, Summary]) -> str:
    """A line per figure that was labelled, a column per engine."""
    lines = [("figure", list(engines))]
    for name, figure in FIGURES.items():
        values = [figure(summary) for summary in engines.values()]
        if any(value is not None for value in values):
            lines.append((name, ["-" if value is None else value for value in values]))
    return "\n".join(f"{name:<22}" + "".join(f"{value:>12}" for value in values) for name, values in lines)


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
