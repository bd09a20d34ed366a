from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts import spending
from manticscore.pipeline import Output, Report
from projects import actions as projects
from research.analyst import quotes
from research.models import ResearchJob
from research.pipeline import keeping
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
            job = save(context, proved)
            spending.forget(context.job_id)
        count, dropped = proved.provenance.evidence_count, proved.provenance.dropped_rows
        report(f"{count} quotes checked against their sources")
        output = {"dropped_rows": dropped, "artifact_hash": job.artifact_hash}
        return Output(output, {"evidence": count, "dropped_rows": dropped})

    def resume(self, context: MarketContext, output: Any) -> None:
        job = ResearchJob.objects.only("artifact").get(pk=context.job_id)
        context.result = {
            "job_id": str(context.job_id),
            "artifact_hash": output["artifact_hash"],
            **(job.artifact or {}),
        }


def prove(landscape: Landscape) -> Landscape:
    """The landscape without rows whose quotes are not in the sources as they are stored now."""
    texts = keeping.texts(quotes.all_quotes(landscape), lock=True)
    proved, dropped = quotes.drop_unproved(landscape, texts)
    count = len({quote.evidence_id for quote in quotes.all_quotes(proved)})
    provenance = proved.provenance.model_copy(update={"dropped_rows": dropped, "evidence_count": count})
    return proved.model_copy(update={"provenance": provenance})


def save(context: MarketContext, landscape: Landscape) -> ResearchJob:
    """Store what came of the job, and tell its project."""
    job = ResearchJob.objects.select_for_update().get(pk=context.job_id)
    job.quality_score = landscape.quality.score
    job.answered_at = timezone.now()
    keeping.keep(job, landscape, quotes.all_quotes(landscape), changed=["quality_score", "answered_at"])
    if job.project_id is not None:
        categories = landscape.interpretation.categories
        projects.note_research(job.project_id, job.quality_score, categories[0].slug if categories else None)
    return job
