"""A manual look for stalled jobs."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from realtime import jobs


class Command(BaseCommand):
    help = (
        "Hand the jobs of dead workers to living ones, and end streams that have no job any more. Every"
        " worker does this by itself every few seconds; by hand it helps where no worker runs, before one is"
        " started. A job that lost its worker three times gets an error instead. Safe to run at any time."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="count, change nothing")

    def handle(self, *args: Any, **options: Any) -> str:
        found = jobs.stalled()
        told = f"{len(found.jobs)} stalled jobs, {len(found.streams)} streams without a job"
        if options["dry_run"]:
            return f"{told} would be dealt with."
        jobs.sweep()
        left = jobs.stalled()
        dealt = len(found.jobs) + len(found.streams) - len(left.jobs) - len(left.streams)
        return f"{told}; {max(0, dealt)} dealt with."
