"""Load for measurements: events written to streams at a chosen pace."""

from __future__ import annotations

import json
import math
import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from manticscore.clients.clerk import USER_ID
from manticscore.pipeline import Superseded
from realtime import emission
from realtime.emission import Pace, Target

LONGEST_MESSAGE = 200_000


class Command(BaseCommand):
    help = (
        "Write --events progress events to every stream, as fast as they are accepted or at --rate, and say"
        " as JSON when the first and the last one were handed in. The streams are made for --owner, closed"
        " with `done` at the end, and stay in the database: measure on one that you can throw away. To"
        " follow them from outside, make them first (--events 0 --keep-open > streams.json), connect your"
        " readers with the ids and tokens in it, then write (--to streams.json)."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        where = parser.add_mutually_exclusive_group(required=True)
        where.add_argument("--owner", type=user, help="whose streams are made: user_bench, or bench")
        where.add_argument("--to", metavar="FILE", help="streams of an earlier call; - for standard input")
        number = at_least(1)
        parser.add_argument("--users", type=number, default=1, help="owners: --owner with -1, -2, ... added")
        parser.add_argument("--streams", type=number, default=1, help="streams for each user")
        parser.add_argument("--events", type=at_least(0), default=500, help="for each stream")
        parser.add_argument("--batch", type=number, default=1, help="events in one append")
        parser.add_argument("--rate", type=rate, default=0, help="events/s of all streams together")
        parser.add_argument("--processes", type=number, default=1, help="writers; each has its own streams")
        parser.add_argument("--size", type=number, default=160, help="characters of an event's message")
        parser.add_argument("--keep-open", action="store_true", help="do not end the streams")

    def handle(self, *args: Any, **options: Any) -> str:
        if options["size"] > LONGEST_MESSAGE:
            raise CommandError(f"--size may be at most {LONGEST_MESSAGE}")
        pace = Pace(options["events"], options["batch"], options["rate"], options["size"])
        if options["to"]:
            targets = earlier(options["to"])
        else:
            targets = emission.create(options["owner"], options["users"], options["streams"])
        told: dict[str, Any] = {"streams": [asdict(target) for target in targets]}
        try:
            if pace.events:
                told["emission"] = asdict(emission.emit(targets, pace, options["processes"]))
            if not options["keep_open"]:
                emission.close(targets)
        except Superseded:
            raise CommandError("A stream is closed, gone or somebody else's: make new ones") from None
        return json.dumps(told)


def earlier(place: str) -> list[Target]:
    """The streams that an earlier call printed."""
    try:
        text = sys.stdin.read() if place == "-" else Path(place).read_text(encoding="utf-8")
        return [Target(**each) for each in json.loads(text)["streams"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CommandError(f"{place} holds no streams of an earlier call: {error}") from None


def user(text: str) -> str:
    name = f"user_{text.removeprefix('user_')}"
    if not USER_ID.fullmatch(name):
        raise ArgumentTypeError("a user's name has letters, digits, _ and - only")
    return name


def rate(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1
    if not 0 <= number < math.inf:
        raise ArgumentTypeError(f"{text!r} is not a number of events per second")
    return number


def at_least(least: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise ArgumentTypeError(f"{text!r} is not a whole number from {least}")
        return int(text)

    return number
