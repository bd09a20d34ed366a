"""Giving somebody more credits."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts import credits
from accounts.models import Principal

MOST = 1_000_000


class Command(BaseCommand):
    help = (
        "Allow USER (user_... or anon:...) N more credits until the month ends (UTC). Every run grants"
        " again; each one is an entry in the ledger, with its note."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("user")
        parser.add_argument("credits", type=int)
        parser.add_argument("--note", required=True, help="why, for whoever reads the ledger")

    def handle(self, *args: Any, **options: Any) -> str:
        if not 1 <= options["credits"] <= MOST:
            raise CommandError(f"N must be from 1 to {MOST}")
        if not Principal.objects.filter(id=options["user"]).exists():
            raise CommandError(f"There is no {options['user']}; users appear when they first sign in")
        month = credits.grant(owner_id=options["user"], amount=options["credits"], note=options["note"])
        return (
            f"{options['credits']} credits granted to {options['user']}:"
            f" {month.credits_left} of {month.credits_total} left until {month.month.ends_at:%Y-%m-%d}."
        )
