"""Pruning of what was kept to save work."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand

from accounts.pruning import delete_in_batches
from research import pruning
from research.corpus import indexing


class Command(BaseCommand):
    help = (
        "Delete pages that research runs read from the web, that no evidence quotes and that were not read"
        " again for some time, and forget the replies of language models to runs that are over; what the"
        " calls cost stays on record. Imported sources stay. The corpus is indexed again when pages went."
        " robots.txt files need no pruning: processes keep them in memory for a day at most."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--older-than", type=int, default=90, metavar="DAYS", help="default 90")
        parser.add_argument("--dry-run", action="store_true", help="count, delete nothing")

    def handle(self, *args: Any, **options: Any) -> str:
        age = timedelta(days=max(0, options["older_than"]))
        pages = pruning.old_pages(age)
        if options["dry_run"]:
            replies = pruning.old_replies(age).count()
            return f"{pages.count()} pages would be deleted, {replies} replies forgotten."
        deleted = delete_in_batches(pages)
        if deleted:
            indexing.recount()
        return f"{deleted} pages deleted, {pruning.forget_replies(age)} replies forgotten."
