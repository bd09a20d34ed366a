"""Giving messages that are stuck another chance."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from accounts import outbox
from accounts.models import OutboxMessage

LIMIT = 10_000


class Command(BaseCommand):
    help = (
        "Queue pending messages to outside systems whose time came more than 30 seconds ago and that have"
        " no job (a worker does the same every minute), at most 10000 a call. With --dead instead: make"
        " dead messages, which were refused or failed for three days, pending again with all their tries."
        " Nothing is sent while no key is configured. Safe to run at any time, also twice at once."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dead", action="store_true", help="revive dead messages")
        parser.add_argument("--dry-run", action="store_true", help="count, queue nothing")

    def handle(self, *args: Any, **options: Any) -> str:
        if options["dead"]:
            return revive(options["dry_run"])
        return resend(options["dry_run"])


def revive(dry_run: bool) -> str:
    dead = OutboxMessage.objects.filter(state=OutboxMessage.State.DEAD)
    if dry_run:
        return f"{dead.count()} dead messages would be revived."
    return f"{outbox.revive(dead)} dead messages revived.{note()}"


def resend(dry_run: bool) -> str:
    if dry_run:
        return f"{len(outbox.overdue(LIMIT))} messages would be queued.{note()}"
    return f"{outbox.resend_overdue(LIMIT)} messages queued.{note()}"


def note() -> str:
    return "" if outbox.analytics() is not None else " Sending is off: POSTHOG_KEY is not set."
