"""Feature research jobs on the wire."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from manticscore import errors
from manticscore.lib import ideas
from realtime.models import Stream
from research.models import FeatureResearchJob
from research.reads import Progress
from research.serializers import evidence
from research.serializers.research import MAX_IDEA, text, uuid_or_none

MAX_FEATURES = 10
# Of each field of a feature, the most characters.
FIELDS = {"id": 200, "name": 300, "source": 100}


class StartFeatureResearchSerializer(serializers.Serializer[Any]):
    """Body of POST /feature-research. An empty idea is accepted here and ends its stream with EMPTY_INPUT."""

    features = serializers.JSONField(required=False, allow_null=True)
    idea = serializers.JSONField(required=False, allow_null=True)
    project_id = serializers.JSONField(required=False, allow_null=True, default=None)
    research_id = serializers.JSONField(required=False, allow_null=True, default=None)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        for name in ("features", "idea"):
            if attrs.get(name) is None:
                raise errors.BadRequest(f"{name} required")
        return {
            "features": features(attrs["features"]),
            "idea": text(attrs["idea"], "idea", MAX_IDEA),
            "project_id": uuid_or_none(attrs["project_id"], "project_id"),
            "research_id": uuid_or_none(attrs["research_id"], "research_id"),
        }


def features(value: Any) -> list[dict[str, str]]:
    """1 to 10 objects of id, name and source; other keys are left out.

    No id twice, and no name: what two features of one name found could not be told apart.
    """
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_FEATURES:
        raise errors.Unprocessable(f"features must be a list of 1 to {MAX_FEATURES} objects")
    found = [feature(item, f"features[{number}]") for number, item in enumerate(value)]
    if len({item["id"] for item in found}) < len(found):
        raise errors.Unprocessable("features must have different ids")
    if len({ideas.key(item["name"]) for item in found}) < len(found):
        raise errors.Unprocessable("features must have different names")
    return found


def feature(item: Any, place: str) -> dict[str, str]:
    if not isinstance(item, dict):
        raise errors.Unprocessable(f"{place} must be an object")
    return {name: text(item.get(name), f"{place}.{name}", longest, 1) for name, longest in FIELDS.items()}


def accepted(job: FeatureResearchJob) -> dict[str, Any]:
    """The 202 of POST /feature-research."""
    return {"job_id": str(job.pk), "status": job.stream.status}


def status(job: FeatureResearchJob) -> dict[str, Any]:
    """As GET /feature-research/{job_id}/status."""
    return Progress.of(job.stream, position(job.stream)).told()


def position(stream: Stream) -> int:
    """How many begin before this one; 0 when it runs or is next."""
    if stream.status != "queued":
        return 0
    queue = Stream.objects.open().filter(channel=stream.channel, status="queued")
    return queue.filter(created_at__lt=stream.created_at).count()


def detail(job: FeatureResearchJob) -> dict[str, Any]:
    """GET /feature-research/{job_id}: what was asked and how far it is. The result has its own address."""
    completed = is_completed(job)
    return {
        **status(job),
        "idea": job.idea,
        "features": job.features,
        "project_id": str(job.project_id) if job.project_id else None,
        "research_id": str(job.research_id) if job.research_id else None,
        "is_chained": job.is_chained,
        "as_of": job.as_of.isoformat(),
        "artifact_hash": job.artifact_hash if completed else None,
        "result_url": f"/feature-research/{job.pk}/result" if completed else None,
    }


def is_completed(job: FeatureResearchJob) -> bool:
    return job.stream.status == "completed"


def result(job: FeatureResearchJob) -> dict[str, Any]:
    """GET /feature-research/{job_id}/result: the artifact with its evidence."""
    return {
        "job_id": str(job.pk),
        "artifact_hash": job.artifact_hash,
        "artifact": job.artifact,
        "evidence": evidence.heaviest(job.evidence.all()),
    }
