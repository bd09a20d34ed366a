"""Rebind conflicts as rows of text, for lists and files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet

from accounts.models import RebindConflict

COLUMNS = (
    "id",
    "device",
    "present_owner",
    "claimant",
    "claims",
    "created_at",
    "last_claimed_at",
    "resolution",
    "resolved_at",
)


def select(state: str) -> QuerySet[RebindConflict]:
    """Conflicts that are `open`, `resolved` or `all`, oldest first."""
    conflicts = RebindConflict.objects.order_by("id")
    return conflicts if state == "all" else conflicts.filter(resolved_at__isnull=state == "open")


def rows(conflicts: QuerySet[RebindConflict]) -> Iterator[dict[str, Any]]:
    """One after the other, however many there are. A device is its number; its id is known to nobody."""
    for conflict in conflicts.iterator(chunk_size=1000):
        yield {
            "id": conflict.pk,
            "device": conflict.device_id,
            "present_owner": conflict.present_owner_id,
            "claimant": conflict.claimant_id,
            "claims": conflict.claims,
            "created_at": conflict.created_at.isoformat(),
            "last_claimed_at": conflict.last_claimed_at.isoformat(),
            "resolution": conflict.resolution,
            "resolved_at": conflict.resolved_at.isoformat() if conflict.resolved_at else "",
        }


def as_json(row: dict[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False)
