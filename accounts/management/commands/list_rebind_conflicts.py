"""Rebind conflicts on the terminal."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from accounts import conflicts

LINE = "{id:>8}  {created_at:.16}  device {device}  {present_owner} <- {claimant}  claims {claims}  {state}"


class Command(BaseCommand):
    help = (
        "List devices that a second user claimed: by default those that nobody has settled yet, oldest first."
        " Changes nothing; they are settled in the admin."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--state", choices=("open", "resolved", "all"), default="open")
        parser.add_argument("--limit", type=int, default=100, help="lines at most (default: 100)")

    def handle(self, *args: Any, **options: Any) -> str:
        selected = conflicts.select(options["state"])
        for row in conflicts.rows(selected[: options["limit"]]):
            self.stdout.write(LINE.format(**row, state=row["resolution"] or "open"))
        what = "" if options["state"] == "all" else f"{options['state']} "
        return f"{selected.count()} {what}rebind conflicts."
