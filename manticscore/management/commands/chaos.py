"""An installation of its own, broken on purpose under load, and its history checked."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import signal
import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console

from manticscore.chaos import ChaosFailed, report
from manticscore.chaos.run import Outcome, Plan, chaos

INTERRUPTED = 128 + signal.SIGINT


class Command(BaseCommand):
    help = (
        "Start an installation of its own (PostgreSQL, Redis, two web processes, two workers, a proxy), load"
        " it, kill, freeze, restart and disconnect parts of it at random, and compare what every client was"
        " told with what the database holds. Exit status 1 when anything was lost, doubled, reordered or"
        " altered, or when a job did not end exactly once."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--minutes", type=float, default=10.0, help="how long to break things; default 10"
        )
        parser.add_argument("--seed", type=int, help="repeat the faults of an earlier run")
        parser.add_argument("--json", action="store_true", help="print JSON instead of tables")

    def handle(self, *args: Any, **options: Any) -> None:
        for name in ("httpx", "httpcore", "websockets.client"):
            logging.getLogger(name).setLevel(logging.WARNING)
        # That PostgreSQL dies is no news here.
        logging.getLogger("manticscore.embedded_postgres").setLevel(logging.CRITICAL)
        seed = secrets.randbelow(10**6) if options["seed"] is None else options["seed"]
        outcome = self.run(Plan(options["minutes"] * 60, seed))
        if options["json"]:
            self.stdout.write(json.dumps(report.as_json(outcome), indent=2, ensure_ascii=False))
        else:
            Console().print(report.as_tables(outcome))
        if outcome.violations:
            sys.exit(1)

    def run(self, plan: Plan) -> Outcome:
        directory = settings.DATA_DIR / "chaos" / f"{plan.seed}-{secrets.token_hex(4)}"
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            with Console(stderr=True).status("") as status:
                return asyncio.run(chaos(plan, directory, status.update))
        except KeyboardInterrupt:
            raise CommandError("Interrupted; nothing is left behind", returncode=INTERRUPTED) from None
        except ChaosFailed as error:
            raise CommandError(f"The run could not be made: {error}") from error
