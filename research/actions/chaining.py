"""Market research of mode `feature` goes on with deep research on the features that it found."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction

from manticscore import errors
from realtime.runs import StreamJournal
from research.actions import feature_research
from research.actions.feature_research import Feature, Question
from research.events import FeatureResearchChained
from research.models import FeatureResearchJob, Mode, ResearchJob

TOP = 5


def go_on(stream_id: UUID, journal: StreamJournal) -> None:
    """Start the deep research in the transaction that ends the market research, and say so in its stream.

    Once: a run that is taken up again, or a section of it that is made anew, starts no second one. Without
    features, or without credits for them, the market research ends as well as ever, with a note.
    """
    job = ResearchJob.objects.filter(pk=stream_id, mode=Mode.FEATURE).first()
    if job is None or FeatureResearchJob.objects.filter(research=job, is_chained=True).exists():
        return
    with journal.fenced():
        journal.emit(FeatureResearchChained.type, told(job, top(job)))


def top(job: ResearchJob) -> list[Feature]:
    """The first features of the artifact, which come in the order of their weight."""
    rows = (job.artifact or {}).get("features", [])[:TOP]
    return [{"id": row["id"], "name": row["label"], "source": "research"} for row in rows]


def told(job: ResearchJob, features: list[Feature]) -> dict[str, Any]:
    """What the event tells, after the job was started where it can be."""
    if not features:
        return skipped(features, "No features were found.")
    question = Question(job.idea, features, job.project_id, job, is_chained=True)
    try:
        with transaction.atomic():
            made = feature_research.start(job.owner_id, question)
    except errors.ApiError as refused:
        return skipped(features, f"{refused.detail}.")
    message = f"Deep research on {len(features)} features begins."
    return {"status": "queued", "job_id": str(made.pk), "features": named(features), "message": message}


def skipped(features: list[Feature], reason: str) -> dict[str, Any]:
    message = f"Deep research on features was skipped. {reason}"
    return {"status": "skipped", "job_id": None, "features": named(features), "message": message}


def named(features: list[Feature]) -> list[dict[str, str]]:
    return [{"id": feature["id"], "name": feature["name"]} for feature in features]
