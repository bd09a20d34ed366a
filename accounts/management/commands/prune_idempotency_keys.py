"""Pruning of idempotency keys."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from accounts import pruning


class Command(BaseCommand):
    help = (
        "Delete idempotency keys that were used more than 24 hours ago, with the answers kept for them."
        " Younger ones are still replayed."
        " Works in batches of 1000; safe to run at any time, also twice at once."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="count, delete nothing")

    def handle(self, *args: Any, **options: Any) -> str:
        rows = pruning.old_idempotency_keys()
        if options["dry_run"]:
            return f"{rows.count()} idempotency keys would be deleted."
        return f"{pruning.delete_in_batches(rows)} idempotency keys deleted."
