"""Re-checking of evidence."""

from __future__ import annotations

from argparse import ArgumentParser
from collections import Counter
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand

from research import rechecking
from research.models import Verdict


class Command(BaseCommand):
    help = (
        "Look whether quotes are still on the pages they were taken from, and store the verdict with them:"
        " still there, changed, gone or unreachable. Only pages whose text was read from their URL are"
        " visited, once each, robots.txt permitting; the longest unseen first. Safe to interrupt and to run"
        " again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--older-than", type=int, default=30, metavar="DAYS", help="since the last look; default 30"
        )
        parser.add_argument("--limit", type=int, default=100, help="pages to visit at most; default 100")
        parser.add_argument("--dry-run", action="store_true", help="count the pages, visit none")

    def handle(self, *args: Any, **options: Any) -> str:
        due = rechecking.due(timedelta(days=options["older_than"]), max(0, options["limit"]))
        if options["dry_run"]:
            return f"{len(due)} pages would be visited."
        found: Counter[str] = Counter()
        for source, verdicts in rechecking.recheck(due):
            found.update(verdicts)
            each = ", ".join(f"{count} {verdict}" for verdict, count in sorted(verdicts.items()))
            self.stdout.write(f"{source.url}: {each}")
        told = ", ".join(f"{found[verdict]} {verdict}" for verdict in Verdict.values)
        return f"{len(due)} pages visited; quotes: {told}."
