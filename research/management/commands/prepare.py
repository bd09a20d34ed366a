"""Everything a fresh installation needs before it serves."""

from __future__ import annotations

from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand

from manticscore import locks
from research.corpus import catalogue


class Command(BaseCommand):
    help = (
        "Bring the database to the current schema and load the seed catalogue, unless this version of it is"
        " loaded already. Safe to run again and at every start."
    )

    def handle(self, *args: Any, **options: Any) -> str:
        with locks.exclusive(locks.PREPARE):
            self.stdout.write("== Migrating the database")
            call_command("migrate", verbosity=0, interactive=False)
            self.stdout.write("== Loading the seed catalogue")
            count = catalogue.load()
        return f"{count} sources loaded." if count else "The seed catalogue is up to date."
