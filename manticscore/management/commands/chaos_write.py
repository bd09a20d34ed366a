"""The writer of a chaos run, a process of its own because it is killed like the others."""

from __future__ import annotations

import signal
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from manticscore.chaos.writer import Writer


class Command(BaseCommand):
    help = (
        "Write synthetic streams until SIGTERM, then end those that are open. Started by `manage.py chaos`."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("owners", nargs="+", help="ids of the streams' owners")
        parser.add_argument("--acknowledged", type=Path, required=True, help="file for what was acknowledged")
        parser.add_argument("--seed", type=int, required=True)
        parser.add_argument("--rate", type=float, required=True, help="appends a second")
        parser.add_argument("--streams", type=int, required=True, help="open streams of every owner")
        parser.add_argument("--length", type=int, required=True, help="events of an average stream")
        parser.add_argument("--only-end", action="store_true", help="open none, end those that are open")

    def handle(self, *args: Any, **options: Any) -> None:
        writer = Writer(
            options["owners"],
            options["acknowledged"],
            seed=options["seed"],
            rate=options["rate"],
            streams=options["streams"],
            length=options["length"],
        )
        signal.signal(signal.SIGTERM, lambda *_: writer.stop())
        if options["only_end"]:
            writer.stop()
        writer.run()
