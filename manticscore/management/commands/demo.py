"""One research job end to end, shown in the terminal."""

from __future__ import annotations

import asyncio
import fcntl
import io
import logging
import signal
import sys
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import connection

from manticscore.demo import DemoFailed, landscape, server
from manticscore.demo.screen import Screen, Step
from manticscore.demo.tour import tour

IDEA = "a recipe box for families"
INTERRUPTED = 128 + signal.SIGINT
OTHER_STOPS = (signal.SIGTERM, signal.SIGHUP)


class Command(BaseCommand):
    help = (
        "Prepare the database, start a server on a free port, run one research job over the public API, show"
        " its progress and its landscape, stop the server. Exit status 1 when a step fails, 130 on Ctrl-C."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--idea", default=IDEA, help=f"what to research; default: {IDEA}")
        parser.add_argument("--svg", type=Path, metavar="FILE", help="keep a picture of the screen")

    def handle(self, *args: Any, **options: Any) -> None:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")  # a terminal without UTF-8 gets question marks
        logging.getLogger("httpx").setLevel(logging.WARNING)  # the screen says what is requested
        for number in OTHER_STOPS:
            signal.signal(number, lambda *_: signal.raise_signal(signal.SIGINT))
        status = self.run(options["idea"], options["svg"])
        # What happens at exit, such as stopping the embedded PostgreSQL, is not to be interrupted.
        for number in (signal.SIGINT, *OTHER_STOPS):
            signal.signal(number, signal.SIG_IGN)
        sys.exit(status)

    def run(self, idea: str, picture: Path | None) -> int:
        """The exit status."""
        screen = Screen()
        try:
            show(screen, idea)
            if picture:
                screen.save_picture(picture, f'make demo IDEA="{idea}"')
        except KeyboardInterrupt:
            self.stderr.write("Interrupted. Everything that was started is stopped.")
            return INTERRUPTED
        except DemoFailed as failure:
            if failure.log:
                self.stderr.write(f"The server's last lines:\n{failure.log}")
            self.stderr.write(f"The demo stopped: {failure}")
            return 1
        return 0


def show(screen: Screen, idea: str) -> None:
    screen.show(*landscape.title(idea))
    with screen.step("Preparing the database", "Database and seed catalogue") as step:
        prepare(step)
    with server.running() as process:
        asyncio.run(tour(process, idea, screen))
    screen.show(*landscape.where_next())


def prepare(step: Step) -> None:
    """`manage.py prepare`, one at a time in this installation: two must not migrate one database."""
    settings.DATA_DIR.mkdir(parents=True, exist_ok=True)
    with (settings.DATA_DIR / "prepare.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            call_command("prepare", stdout=Lines(step.at))
        finally:
            # The pool's threads would complain when the embedded PostgreSQL is stopped under them.
            connection.close()
            connection.close_pool()  # type: ignore[attr-defined]  # PostgreSQL's has one


class Lines(io.TextIOBase):
    """A file that hands on every line written to it, without the marks of a heading."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say

    def write(self, text: str) -> int:
        for line in text.splitlines():
            self._say(line.removeprefix("== "))
        return len(text)
