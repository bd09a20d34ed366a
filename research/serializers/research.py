"""Research jobs on the wire."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.utils import timezone
from rest_framework import serializers

from manticscore import errors
from projects.pages import Place
from research import reads
from research.models import Mode, ResearchJob
from research.serializers import evidence

MAX_IDEA = 5000
MAX_PAGE = 100
STATUSES = ("queued", "running", "completed", "failed")


class StartResearchSerializer(serializers.Serializer[Any]):
    """Body of POST /research. An empty idea is accepted here and ends its stream with EMPTY_INPUT."""

    idea = serializers.JSONField(required=False, allow_null=True)
    project_id = serializers.JSONField(required=False, allow_null=True, default=None)
    mode = serializers.JSONField(required=False, allow_null=True)
    refresh = serializers.JSONField(required=False, allow_null=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        idea = attrs.get("idea")
        if idea is None:
            raise errors.BadRequest("idea required")
        return {
            "idea": text(idea, "idea", MAX_IDEA),
            "project_id": uuid_or_none(attrs["project_id"], "project_id"),
            **options(attrs),
        }


def options(attrs: dict[str, Any]) -> dict[str, Any]:
    """How research is to be done, the same wherever it is started."""
    mode, refresh = attrs.get("mode", Mode.MARKET), attrs.get("refresh", False)
    if mode not in Mode.values:
        raise errors.Unprocessable(f"mode must be {' or '.join(Mode.values)}")
    if not isinstance(refresh, bool):
        raise errors.Unprocessable("refresh must be true or false")
    return {"mode": mode, "refresh": refresh}


def text(value: Any, name: str, longest: int, shortest: int = 0) -> str:
    if not isinstance(value, str):
        raise errors.Unprocessable(f"{name} must be a string")
    if len(value) > longest:
        raise errors.Unprocessable(f"{name} must have at most {longest} characters")
    if shortest and len(value.strip()) < shortest:
        raise errors.Unprocessable(f"{name} must have at least {shortest} characters")
    return value


class ChangeResearchSerializer(serializers.Serializer[Any]):
    """Body of PATCH /research/{job_id}: who may find it."""

    visibility = serializers.ChoiceField(choices=["private", "public"])


class ListSerializer(serializers.Serializer[Any]):
    """Query of GET /research."""

    limit = serializers.IntegerField(min_value=1, max_value=MAX_PAGE, default=20)
    cursor = serializers.CharField(required=False, max_length=200)
    project_id = serializers.UUIDField(required=False)
    status = serializers.ChoiceField(choices=STATUSES, required=False)

    def validate_cursor(self, cursor: str) -> Place:
        return Place.parse(cursor)


class DiffSerializer(serializers.Serializer[Any]):
    """Query of GET /research/{job_id}/diff; without `against`, the version before."""

    against = serializers.UUIDField(required=False)


def uuid_or_none(value: Any, name: str) -> UUID | None:
    try:
        return None if value is None else UUID(value)
    except (AttributeError, TypeError, ValueError):
        raise errors.Unprocessable(f"{name} must be a UUID or null") from None


def accepted(job: ResearchJob) -> dict[str, Any]:
    """The 202 of POST /research."""
    answer = {"job_id": str(job.pk), "status": job.stream.status, "position": job.position()}
    return answer | {"waiting": True} if job.waits else answer


def cached(job: ResearchJob) -> dict[str, Any]:
    """The 200 of POST /research: an answer that was there already, and how old it is."""
    age = timezone.now() - job.answered_at
    return {
        "job_id": str(job.pk),
        "status": "completed",
        "position": 0,
        "cached": True,
        "age_seconds": max(0, int(age.total_seconds())),
        "quality_score": job.quality_score,
        "artifact_url": f"/research/{job.pk}",
    }


def status(job: ResearchJob) -> dict[str, Any]:
    """As GET /research/{job_id}/status."""
    progress = reads.Progress.of(job.stream, job.position())
    return reads.market(progress, waiting=job.waits, quality_score=job.quality_score)


def detail(job: ResearchJob) -> dict[str, Any]:
    """GET /research/{job_id}: the status with the artifact and its evidence, once there is a result."""
    known = job.has_result
    return {
        **status(job),
        **asked(job),
        "artifact_hash": job.artifact_hash if known else None,
        "artifact": job.artifact if known else None,
        "evidence": evidence.heaviest(job.evidence.all()) if known else [],
    }


def asked(job: ResearchJob) -> dict[str, Any]:
    return {
        "idea": job.idea,
        "mode": job.mode,
        "project_id": str(job.project_id) if job.project_id else None,
        "visibility": "public" if job.is_public else "private",
    }


def listed(job: ResearchJob) -> dict[str, Any]:
    """An item of GET /research. Where it stands in the queue, its status tells."""
    stream = job.stream
    return {
        "job_id": str(job.pk),
        "status": stream.status,
        "stage": stream.stage or None,
        "waiting": job.waits,
        **asked(job),
        "quality_score": job.quality_score,
        "last_event_seq": stream.last_seq,
        "created_at": job.created_at.isoformat(),
        "updated_at": stream.updated_at.isoformat(),
    }


def version(job: ResearchJob, number: int) -> dict[str, Any]:
    """An item of GET /research/{job_id}/versions."""
    return {
        "version": number,
        "job_id": str(job.pk),
        "as_of": job.as_of.isoformat(),
        "quality_score": job.quality_score,
        "artifact_hash": job.artifact_hash,
        "created_at": job.created_at.isoformat(),
    }
