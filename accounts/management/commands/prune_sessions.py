"""Pruning of sessions."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from accounts import pruning


class Command(BaseCommand):
    help = (
        "Delete sessions that expired or were revoked more than 7 days ago. Until then their tokens are"
        " still answered with `Token expired` instead of `Invalid token`."
        " Works in batches of 1000; safe to run at any time, also twice at once."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="count, delete nothing")

    def handle(self, *args: Any, **options: Any) -> str:
        rows = pruning.old_sessions()
        if options["dry_run"]:
            return f"{rows.count()} sessions would be deleted."
        return f"{pruning.delete_in_batches(rows)} sessions deleted."
