"""Evidence on the wire: the quote, where it is from, how old that is, and whether it is still there."""

from __future__ import annotations

import datetime
from typing import Any

from django.db.models import QuerySet

from research.analyst import judging
from research.models import Evidence, FeatureEvidence

SOURCE_COLUMNS = ("name", "url", "domain", "kind", "origin", "published_on", "fetched_at", "retrieved")


def with_sources(evidence: QuerySet[Evidence]) -> QuerySet[Evidence]:
    """The rows with what is told of their sources, whose texts and vectors are large, in one query."""
    columns = [f"source__{name}" for name in SOURCE_COLUMNS]
    own = ("key", "job_id", "quote", "weight", "checked_at", "verdict", "now_says")
    return evidence.select_related("source").only(*own, *columns)


def row(evidence: Evidence, today: datetime.date) -> dict[str, Any]:
    """The quote, and what the last look at its page found."""
    return {
        **quoted(evidence, today),
        "can_be_checked": evidence.source.retrieved,
        "checked_at": evidence.checked_at.isoformat() if evidence.checked_at else None,
        "verdict": evidence.verdict or None,
        "now_says": evidence.now_says or None,
    }


def quoted(evidence: Evidence | FeatureEvidence, today: datetime.date) -> dict[str, Any]:
    """`freshness` is 1 for what was said today and halves with the half-life of its kind of source."""
    source = evidence.source
    return {
        "evidence_id": str(evidence.key),
        "source_id": str(evidence.source_id),
        "source_name": source.name,
        "url": source.url,
        "domain": source.domain,
        "kind": source.kind,
        "origin": source.origin,
        "quote": evidence.quote,
        "weight": evidence.weight,
        "published_on": source.published_on.isoformat() if source.published_on else None,
        "fetched_at": source.fetched_at.isoformat(),
        "freshness": round(judging.freshness(source.kind, source.published_on, today), 4),
    }
