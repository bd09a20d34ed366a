"""Rotation of the key that encrypts stored secrets."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts import vault


class Command(BaseCommand):
    help = (
        "Encrypt all stored secrets with the first of FIELD_KEYS. Put a new key in front, keep the old ones,"
        " restart the servers, run this, and remove the old keys when it reports no unreadable secret."
        " Secrets that already use the first key are left as they are, so it may be stopped and run again,"
        " also twice at once."
    )

    def handle(self, *args: Any, **options: Any) -> str:
        done = vault.rotate()
        report = f"{done.rotated} rotated, {done.current} already current, {done.unreadable} unreadable."
        if done.unreadable:
            raise CommandError(report)
        return report
