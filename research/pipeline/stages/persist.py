from __future__ import annotations

import hashlib
import json
from typing import Any

from django.db import transaction

from accounts import spending
from manticscore.pipeline import Output, Report
from projects import actions as projects
from research.analyst import quotes
from research.models import Evidence, ResearchJob, Source
from research.pipeline.context import MarketContext
from research.schemas import Landscape


class Persist:
    """Checks every quote against the stored source, drops what is not there, stores the rest."""

    name = "persist"
    blocking = True
    reserved = True

    def run(self, context: MarketContext, report: Report) -> Output:
        assert context.landscape is not None
        with transaction.atomic(), context.fenced():
            proved = prove(context.landscape)
            digest = artifact_hash(proved)
            count = save(context, proved, digest)
            spending.forget(context.job_id)
        report(f"{count} quotes checked against their sources")
        output = {"dropped_rows": proved.provenance.dropped_rows, "artifact_hash": digest}
        return Output(output, {"evidence": count, "dropped_rows": proved.provenance.dropped_rows})

    def resume(self, context: MarketContext, output: Any) -> None:
        job = ResearchJob.objects.only("artifact").get(pk=context.job_id)
        context.result = {
            "job_id": str(context.job_id),
            "artifact_hash": output["artifact_hash"],
            **(job.artifact or {}),
        }


def prove(landscape: Landscape) -> Landscape:
    """The landscape without rows whose quotes are not in the sources as they are stored now.

    The sources stay locked until the transaction ends, so that no import changes them before the save.
    """
    wanted = {quote.source_id for quote in quotes.all_quotes(landscape)}
    locked = Source.objects.select_for_update(no_key=True).filter(id__in=wanted).order_by("id")
    sources = locked.values_list("id", "text")
    proved, dropped = quotes.drop_unproved(landscape, {str(key): text for key, text in sources})
    count = len({quote.evidence_id for quote in quotes.all_quotes(proved)})
    provenance = proved.provenance.model_copy(update={"dropped_rows": dropped, "evidence_count": count})
    return proved.model_copy(update={"provenance": provenance})


def artifact_hash(landscape: Landscape) -> str:
    """SHA-256 of the canonical JSON: the same idea over the same corpus on the same day gives the same."""
    canonical = json.dumps(landscape.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def save(context: MarketContext, landscape: Landscape, digest: str) -> int:
    """Store the artifact and its evidence; a repeated stage replaces what its first try wrote."""
    job = ResearchJob.objects.select_for_update().get(pk=context.job_id)
    job.artifact = landscape.model_dump(mode="json")
    job.artifact_hash = digest
    job.quality_score = landscape.quality.score
    job.save(update_fields=["artifact", "artifact_hash", "quality_score"])
    if job.project_id is not None:
        categories = landscape.interpretation.categories
        projects.note_research(job.project_id, job.quality_score, categories[0].slug if categories else None)
    job.evidence.all().delete()
    distinct = {quote.evidence_id: quote for quote in quotes.all_quotes(landscape)}
    Evidence.objects.bulk_create(
        Evidence(
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
