"""Forgetting what was only kept to save work."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Now

from accounts.models import ModelCall
from realtime.models import Stream
from research.models import EVIDENCE, Source
from research.web import livesources


def old_pages(older_than: timedelta) -> QuerySet[Source]:
    """Pages that runs found on the web, that no evidence quotes, and that nobody read again since.

    Imports by an operator are no cache: they stay.
    """
    quoted = [Exists(kind._default_manager.filter(source=OuterRef("pk"))) for kind in EVIDENCE]
    old = Source.objects.filter(origin=livesources.ORIGIN, fetched_at__lt=Now() - older_than)
    return old.filter(*(~each for each in quoted))


def old_replies(older_than: timedelta) -> QuerySet[ModelCall]:
    """Calls of language models whose replies no run can need any more, because it is over."""
    running = Exists(Stream.objects.open().filter(id=OuterRef("stream_id")))
    kept = ModelCall.objects.filter(~running, settled_at__isnull=False, created_at__lt=Now() - older_than)
    return kept.exclude(fingerprint="")


def forget_replies(older_than: timedelta) -> int:
    """What they cost stays on record."""
    return old_replies(older_than).update(fingerprint="", reply=None)
