"""Signing in during development."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from manticscore.clients import clerk, clerk_local

SHORTEST, LONGEST = 60, 3600


class Command(BaseCommand):
    help = (
        "Print a JWT with which USER (ada, or user_ada) can sign in at POST /auth/session, as if Clerk had"
        " issued it. Works with DEBUG=1 and without any CLERK_* setting only: then this installation is its"
        " own issuer."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("user")
        parser.add_argument(
            "--life", type=int, default=600, help=f"seconds, {SHORTEST} to {LONGEST}; default 600"
        )
        parser.add_argument(
            "--azp", default="http://localhost:8000", help="the authorized party; empty for none"
        )

    def handle(self, *args: Any, **options: Any) -> str:
        user_id = f"user_{options['user'].removeprefix('user_')}"
        if not clerk.USER_ID.fullmatch(user_id):
            raise CommandError("USER may contain letters, digits, _ and - only, at most 128")
        if not SHORTEST <= options["life"] <= LONGEST:
            raise CommandError(f"--life must be from {SHORTEST} to {LONGEST} seconds")
        try:
            return clerk_local.issue(user_id, seconds=options["life"], azp=options["azp"])
        except clerk_local.NotActive:
            raise CommandError(
                "The development issuer is off: it needs DEBUG=1 and no CLERK_* setting"
            ) from None
