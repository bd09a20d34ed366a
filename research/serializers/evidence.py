"""Evidence on the wire: the quote, where it is from, how old that is, and whether it is still there."""

from __future__ import annotations

import datetime
from typing import Any, TypeVar

from django.db.models import QuerySet
from django.utils import timezone

from research.analyst import judging
from research.models import Quoted

SOURCE_COLUMNS = ("name", "url", "domain", "kind", "origin", "published_on", "fetched_at", "retrieved")
OWN_COLUMNS = ("key", "job_id", "quote", "weight", "checked_at", "verdict", "now_says")

Q = TypeVar("Q", bound=Quoted)


def heaviest(evidence: QuerySet[Q], limit: int | None = None) -> list[dict[str, Any]]:
    """Evidence of a job, the heaviest first, as fresh as it is today."""
    today = timezone.now().date()
    return [row(quoted, today) for quoted in with_sources(evidence).order_by("-weight", "key")[:limit]]


def with_sources(evidence: QuerySet[Q]) -> QuerySet[Q]:
    """The rows with what is told of their sources, whose texts and vectors are large, in one query."""
    columns = [f"source__{name}" for name in SOURCE_COLUMNS]
    return evidence.select_related("source").only(*OWN_COLUMNS, *columns)


def row(quoted: Quoted, today: datetime.date) -> dict[str, Any]:
    """The quote, and what the last look at its page found.

    `freshness` is 1 for what was said today and halves with the half-life of its kind of source.
    """
    source = quoted.source
    return {
        "evidence_id": str(quoted.key),
        "source_id": str(quoted.source_id),
        "source_name": source.name,
        "url": source.url,
        "domain": source.domain,
        "kind": source.kind,
        "origin": source.origin,
        "quote": quoted.quote,
        "weight": quoted.weight,
        "published_on": source.published_on.isoformat() if source.published_on else None,
        "fetched_at": source.fetched_at.isoformat(),
        "freshness": round(judging.freshness(source.kind, source.published_on, today), 4),
        "can_be_checked": source.retrieved,
        "checked_at": quoted.checked_at.isoformat() if quoted.checked_at else None,
        "verdict": quoted.verdict or None,
        "now_says": quoted.now_says or None,
    }
