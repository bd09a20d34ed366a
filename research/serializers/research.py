"""Research jobs on the wire."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from rest_framework import serializers

from manticscore import errors
from research.models import ResearchJob

MAX_IDEA = 5000
MARKET = "market"


class StartResearchSerializer(serializers.Serializer[Any]):
    """Body of POST /research. An empty idea is accepted here and ends its stream with EMPTY_INPUT."""

    idea = serializers.JSONField(required=False, allow_null=True)
    project_id = serializers.JSONField(required=False, allow_null=True, default=None)
    mode = serializers.JSONField(required=False, allow_null=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        idea = attrs.get("idea")
        if idea is None:
            raise errors.BadRequest("idea required")
        if not isinstance(idea, str):
            raise errors.Unprocessable("idea must be a string")
        if len(idea) > MAX_IDEA:
            raise errors.Unprocessable(f"idea must have at most {MAX_IDEA} characters")
        if attrs.setdefault("mode", MARKET) != MARKET:
            raise errors.Unprocessable(f"mode must be {MARKET}")
        return {**attrs, "project_id": uuid_or_none(attrs["project_id"], "project_id")}


def uuid_or_none(value: Any, name: str) -> UUID | None:
    try:
        return None if value is None else UUID(value)
    except (AttributeError, TypeError, ValueError):
        raise errors.Unprocessable(f"{name} must be a UUID or null") from None


def accepted(job: ResearchJob) -> dict[str, Any]:
    """The 202 of POST /research."""
    return {"job_id": str(job.pk), "status": job.stream.status, "position": job.position()}


def status(job: ResearchJob) -> dict[str, Any]:
    """GET /research/{job_id}/status: light enough to poll."""
    stream = job.stream
    return {
        **accepted(job),
        "stage": stream.stage or None,
        "attempt": stream.attempt,
        "last_event_seq": stream.last_seq,
        "quality_score": job.quality_score,
        "created_at": job.created_at.isoformat(),
        "updated_at": stream.updated_at.isoformat(),
    }


def detail(job: ResearchJob) -> dict[str, Any]:
    """GET /research/{job_id}: the status with the artifact, null until the job is completed."""
    completed = job.stream.status == "completed"
    return {
        **status(job),
        "idea": job.idea,
        "mode": job.mode,
        "project_id": str(job.project_id) if job.project_id else None,
        "artifact_hash": job.artifact_hash if completed else None,
        "artifact": job.artifact if completed else None,
    }
