"""The runs of a project over time."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone

from research import rechecking
from research.models import FeatureResearchJob, Quoted, ResearchJob
from research.results import comparing
from research.serializers import evidence as evidence_shapes

NEWEST = ("-created_at", "-pk")
NEWS = 50  # quotes that no longer stand

Q = TypeVar("Q", bound=Quoted)


def changes(owner_id: str, project_id: UUID) -> dict[str, Any]:
    """What the newest run of a project tells that the run before on the same idea did not, and vice versa.

    `evidence` lists the quotes of the newest run that were found changed or gone since, `feature_evidence`
    those of the newest deep research on features.
    """
    of_project = ResearchJob.objects.owned_by(owner_id).with_result().filter(project_id=project_id)
    after = of_project.order_by(*NEWEST).first()
    before = version_before(after) if after else None
    features = FeatureResearchJob.latest_of(project_id)
    return {
        "project_id": str(project_id),
        "before": told(before),
        "after": told(after),
        "changes": comparing.compare(before.artifact, after.artifact) if before and after else None,
        "evidence": stale_quotes(after.evidence.all(), after.created_at) if after else [],
        "feature_evidence": stale_quotes(features.evidence.all(), features.created_at) if features else [],
    }


def version_before(job: ResearchJob) -> ResearchJob | None:
    """The project's run before on the same question; one on another idea has nothing to be compared."""
    versions = ResearchJob.objects.versions_of(job).filter(project_id=job.project_id)
    return versions.filter(created_at__lte=job.created_at).exclude(pk=job.pk).order_by(*NEWEST).first()


def told(job: ResearchJob | None) -> dict[str, Any] | None:
    if job is None:
        return None
    return {
        "job_id": str(job.pk),
        "idea": job.idea,
        "as_of": job.as_of.isoformat(),
        "created_at": job.created_at.isoformat(),
        "quality_score": job.quality_score,
    }


def stale_quotes(evidence: QuerySet[Q], since: datetime) -> list[dict[str, Any]]:
    rows = evidence_shapes.with_sources(rechecking.news(evidence, since))[:NEWS]
    today = timezone.now().date()
    return [{**evidence_shapes.row(row, today), "job_id": str(row.job_id)} for row in rows]
