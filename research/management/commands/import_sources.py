"""Import of sources from files and from the web."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import Progress

from research.corpus import importing, indexing
from research.web import urlimport, urllists

SHOWN_ERRORS = 20
MAX_ORIGIN = 40  # characters that Source.origin holds
PAGES = 500
MINUTES = 30.0


class Command(BaseCommand):
    help = (
        "Import sources and index them. A JSONL or CSV file holds records: each needs id, name, url and one"
        " of text, description or sentences; category, founded, pricing, kind, published_on, stars and"
        " commits_by_month are used when present. A record with a known id is updated when it differs. A"
        " .txt file with a URL a line, a sitemap (.xml, .xml.gz) or the URL of a sitemap names pages, which"
        " are fetched, robots.txt permitting, and their main text is taken; --limit and --minutes bound"
        " that, and a run again goes on where the last one stopped. Bad lines are reported by number and"
        " left out; the others are kept. Safe to run again. Exits with 1 when lines were read and none was"
        " accepted."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("source", metavar="FILE|URL", help="file of records or URLs, or a sitemap's URL")
        parser.add_argument("--origin", help="name of this set; default: the file's or host's name")
        parser.add_argument("--limit", type=int, default=PAGES, help=f"most pages to fetch; default {PAGES}")
        parser.add_argument(
            "--minutes", type=float, default=MINUTES, help=f"time for fetching; default {MINUTES:g}"
        )

    def handle(self, *args: Any, **options: Any) -> str:
        place: str = options["source"]
        if not urllists.is_url(place) and not Path(place).is_file():
            raise CommandError(f"There is no file {place}")
        origin = options["origin"] or default_origin(place)
        if len(origin) > MAX_ORIGIN:
            raise CommandError(f"The name {origin!r} has more than {MAX_ORIGIN} characters; give an --origin")
        tally = importing.Tally()
        with Progress(console=Console(stderr=True), transient=True) as progress:
            try:
                if urllists.is_list(place):
                    budget = urlimport.Budget(options["limit"], options["minutes"] * 60)
                    self.store_pages(place, origin, budget, tally)
                else:
                    self.store_records(Path(place), origin, tally)
            except importing.BadRecord as error:
                raise CommandError(str(error)) from error
            indexed = indexing.index(lambda done, total: show(progress, done, total)) if tally.accepted else 0
        said = (
            f"{tally.created} created, {tally.updated} updated, {tally.unchanged} unchanged,"
            f" {tally.refused} refused; {indexed} indexed."
        )
        if tally.refused and not tally.accepted:
            raise CommandError(said)
        return said

    def store_records(self, path: Path, origin: str, tally: importing.Tally) -> None:
        for batch in importing.batches(self.good_records(path, tally)):
            tally.add(importing.store(origin, batch))

    def good_records(self, path: Path, tally: importing.Tally) -> Iterator[importing.Record]:
        for number, record in importing.read(path):
            if isinstance(record, importing.Record):
                yield record
            else:
                self.refuse(path.name, number, str(record), tally)

    def store_pages(self, place: str, origin: str, budget: urlimport.Budget, tally: importing.Tally) -> None:
        name = place if urllists.is_url(place) else Path(place).name
        for refusal in urlimport.import_pages(origin, urllists.read(place), budget, tally):
            self.refuse(name, refusal.number, refusal.reason, tally)

    def refuse(self, name: str, number: int, reason: str, tally: importing.Tally) -> None:
        tally.refused += 1
        if tally.refused <= SHOWN_ERRORS:
            self.stderr.write(f"{name}:{number}: {reason}")
        elif tally.refused == SHOWN_ERRORS + 1:
            self.stderr.write("further errors are counted, not shown")


def default_origin(place: str) -> str:
    if urllists.is_url(place):
        return (urlsplit(place).hostname or "").removeprefix("www.")
    return Path(place).name.partition(".")[0] if place.endswith(".gz") else Path(place).stem


def show(progress: Progress, done: int, total: int) -> None:
    """One bar for the slow part, the embedding."""
    if not progress.task_ids:
        progress.add_task("Indexing", total=total)
    progress.update(progress.task_ids[0], completed=done, total=total)
