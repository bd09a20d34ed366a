"""What is being worked on."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand
from rich.console import Console
from rich.table import Table

from realtime import inventory
from realtime.inventory import Listed, duration
from realtime.topics import Channel

LIMIT = 100
COLUMNS = ("stream", "channel", "owner", "status", "stage", "attempt", "seq", "age", "quiet for")
NUMBERS = {"attempt", "seq", "age", "quiet for"}


class Command(BaseCommand):
    help = (
        "List the streams that have not ended, newest first: what is waiting, running, or stuck. Who follows"
        " them is known to the servers only; see /metrics."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--channel", choices=Channel.values, default="", help="only this channel")
        parser.add_argument("--all", action="store_true", help="ended ones too")
        parser.add_argument("--limit", type=int, default=LIMIT, help=f"at most so many (default {LIMIT})")
        parser.add_argument("--json", action="store_true", help="one JSON object a line")

    def handle(self, *args: Any, **options: Any) -> None:
        found = inventory.streams(options["channel"], ended=options["all"], limit=max(0, options["limit"]))
        if options["json"]:
            for each in found:
                self.stdout.write(json.dumps(asdict(each), default=str))
            return
        # Not to a terminal there is no width to fit into: nothing is cut off for grep and less.
        console = Console(file=self.stdout)  # type: ignore[arg-type]  # has write() and flush()
        if not console.is_terminal:
            console.width = 200
        console.print(table(found))
        console.print(f"{len(found)} {'streams' if options['all'] else 'live streams'}")


def table(found: Sequence[Listed]) -> Table:
    drawn = Table(box=None, pad_edge=False)
    for name in COLUMNS:
        drawn.add_column(name, justify="right" if name in NUMBERS else "left", no_wrap=name == "stream")
    for each in found:
        drawn.add_row(
            str(each.id), each.channel, each.owner, each.status, each.stage, str(each.attempt),
            str(each.last_seq), duration(each.age_seconds), duration(each.quiet_seconds),
        )  # fmt: skip
    return drawn
