"""Deleting what has had its time, in steps small enough to be in nobody's way."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Model, Q, QuerySet
from django.db.models.functions import Now

from accounts.idempotency import KEPT_FOR
from accounts.models import IdempotencyKey, Session

SESSIONS_KEPT_FOR = timedelta(days=7)
BATCH = 1000


def old_sessions() -> QuerySet[Session]:
    """Sessions that expired or were revoked more than 7 days ago. Until then they answer `Token expired`."""
    end = Now() - SESSIONS_KEPT_FOR
    # A session that is revoked would have expired soon after: the second condition lets the index work.
    soon_after = end + timedelta(seconds=settings.SESSION_TOKEN_TTL)
    return Session.objects.filter(Q(expires_at__lt=end) | Q(revoked_at__lt=end), expires_at__lt=soon_after)


def old_idempotency_keys() -> QuerySet[IdempotencyKey]:
    """Answers that are no longer replayed."""
    return IdempotencyKey.objects.filter(created_at__lt=Now() - KEPT_FOR)


def delete_in_batches(rows: QuerySet[Any, Any], batch: int = BATCH) -> int:
    """Delete the rows and count them. Two at once share the work: neither waits for the other's rows."""
    deleted = 0
    while True:
        count = delete_batch(rows, batch)
        deleted += count
        if count == 0:
            return deleted


@transaction.atomic
def delete_batch(rows: QuerySet[Any, Any], batch: int) -> int:
    model: type[Model] = rows.model
    pks = list(rows.select_for_update(skip_locked=True).values_list("pk", flat=True)[:batch])
    model._base_manager.filter(pk__in=pks).delete()
    return len(pks)
