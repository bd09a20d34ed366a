"""Pruning of event logs."""

from __future__ import annotations

import re
import signal
from argparse import ArgumentParser, ArgumentTypeError
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from realtime import pruning

UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
LONGEST = timedelta(days=36_500)


class Command(BaseCommand):
    help = (
        "Reduce streams that ended long ago to their outcome: `result` or `error`, and `done`. Clients whose"
        " cursor lies before that are told `reset`. Works in small steps that are in nobody's way; SIGTERM"
        " and Ctrl-C end it after the current one. Safe to run at any time, also twice at once. A worker"
        " does the same every night with EVENTS_KEEP_DAYS."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--older-than", type=age, metavar="AGE", help="as 30d, 12h or 2w; without it EVENTS_KEEP_DAYS"
        )
        parser.add_argument("--dry-run", action="store_true", help="count, delete nothing")

    def handle(self, *args: Any, **options: Any) -> str:
        older_than = options["older_than"]
        if older_than is None:
            older_than = kept_by_setting()
        if options["dry_run"]:
            found = pruning.count(older_than)
            return f"{found.events} events of {found.streams} streams would be deleted."
        with Stop() as stop:
            pruned = pruning.prune(older_than, lambda: stop.asked)
        ending = " Stopped before the end; run it again for the rest." if stop.asked else ""
        return f"{pruned.events} events of {pruned.streams} streams deleted.{ending}"


class Stop:
    """Remembers SIGTERM and Ctrl-C for the length of the block instead of dying of them."""

    NUMBERS = (signal.SIGTERM, signal.SIGINT)

    def __init__(self) -> None:
        self.asked = False

    def __enter__(self) -> Stop:
        self._before = {number: signal.signal(number, self._ask) for number in self.NUMBERS}
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, *_: object) -> None:
        self.asked = True


def age(text: str) -> timedelta:
    found = re.fullmatch(r"([0-9]{1,6})([mhdw])", text)
    if found is None:
        raise ArgumentTypeError(f"{text!r} is no age; write 30d, 12h or 2w")
    return min(LONGEST, timedelta(**{UNITS[found[2]]: int(found[1])}))


def kept_by_setting() -> timedelta:
    if settings.EVENTS_KEEP_DAYS <= 0:
        raise CommandError("EVENTS_KEEP_DAYS keeps everything; say how old with --older-than")
    return timedelta(days=settings.EVENTS_KEEP_DAYS)
