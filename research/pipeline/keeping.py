"""How a run's last stage proves its artifact and stores it, whatever the artifact is of."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from research.models import FeatureResearchJob, ResearchJob, Source
from research.schemas import Quote, Shape

MAX_RESULT_BYTES = 200 * 1024  # leaves room in an event for its envelope

Result = dict[str, Any]


def texts(quotes: Iterable[Quote], *, lock: bool = False) -> dict[str, str]:
    """The quoted sources as they are stored now, by id.

    With `lock` they stay so until the transaction ends: no import changes them before the artifact is saved.
    """
    wanted = {quote.source_id for quote in quotes}
    rows = Source.objects.filter(id__in=wanted).order_by("id")
    rows = rows.select_for_update(no_key=True) if lock else rows
    return {str(key): text for key, text in rows.values_list("id", "text")}


def artifact_hash(artifact: Shape) -> str:
    """SHA-256 of the canonical JSON: equal for the same question over the same corpus on the same day."""
    canonical = json.dumps(artifact.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def keep(
    job: ResearchJob | FeatureResearchJob,
    artifact: Shape,
    quotes: Iterable[Quote],
    *,
    changed: Sequence[str] = (),
) -> int:
    """Store the artifact and, each once, its quotes; returns how many.

    A repeated stage replaces what its first try wrote. `changed` names further fields to save.
    """
    job.artifact = artifact.model_dump(mode="json")
    job.artifact_hash = artifact_hash(artifact)
    job.save(update_fields=["artifact", "artifact_hash", *changed])
    job.evidence.all().delete()
    distinct = {quote.evidence_id: quote for quote in quotes}
    kind: Any = job.evidence.model
    kind.objects.bulk_create(
        kind(
            owner_id=job.owner_id,
            job=job,
            key=key,
            source_id=quote.source_id,
            quote=quote.text,
            start=quote.start,
            end=quote.end,
            weight=quote.weight,
        )
        for key, quote in distinct.items()
    )
    return len(distinct)


def result_event(full: Result, head: Callable[[Result], Result]) -> Result:
    """The `result` event: the artifact, or for a very large one its head, which has its address."""
    if len(json.dumps(full, ensure_ascii=False).encode()) <= MAX_RESULT_BYTES:
        return full
    return {"complete": False, **head(full)}
