"""A worker as a process of its own."""

from __future__ import annotations

import asyncio
import signal
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from realtime.jobs import Worker, leave


class Command(BaseCommand):
    help = (
        "Work on background jobs until SIGTERM or Ctrl-C, then let running jobs finish for JOB_DRAIN seconds"
        " and hand back the rest. Any number of workers may run, on any number of machines."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--concurrency", type=int, default=settings.WORKER_CONCURRENCY)

    def handle(self, *args: Any, **options: Any) -> None:
        asyncio.run(self.work(options["concurrency"]))

    async def work(self, concurrency: int) -> None:
        worker = Worker(concurrency)
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, worker.stop)
        ended = await worker.run()
        self.stdout.write("Worker stopped.")
        if not ended:
            leave()
