"""Ideas and their cards on the wire."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from manticscore import errors
from manticscore.lib import ideas
from projects.pages import Place
from realtime.models import StageResult
from research.models import Card
from research.pipeline.refined import parted
from research.results import summaries
from research.serializers import evidence
from research.serializers.research import MAX_PAGE, text, uuid_or_none

EVIDENCE = 20
SHORTEST, LONGEST = 4, 8000
V1_SHORTEST, V1_LONGEST = 3, 5000
MAX_FEATURES = 50
# Status of the research -> state of the card.
STATES = {"queued": "queued", "running": "in_progress", "completed": "ready", "failed": "failed"}


class IdeaSerializer(serializers.Serializer[Any]):
    """Body of POST /ideas."""

    idea = serializers.JSONField(required=False, allow_null=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return {"idea": idea(attrs, SHORTEST, LONGEST)}


class PipelineIdeaSerializer(serializers.Serializer[Any]):
    """Body of POST /v1/ideas."""

    idea = serializers.JSONField(required=False, allow_null=True)
    project_id = serializers.JSONField(required=False, allow_null=True, default=None)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return {
            "idea": idea(attrs, V1_SHORTEST, V1_LONGEST),
            "project_id": uuid_or_none(attrs["project_id"], "project_id"),
        }


def idea(attrs: dict[str, Any], shortest: int, longest: int) -> str:
    if attrs.get("idea") is None:
        raise errors.BadRequest("idea required")
    return text(attrs["idea"], "idea", longest, shortest).strip()


class FeatureSelectionSerializer(serializers.Serializer[Any]):
    """Body of POST /v1/pipeline/feature-selection."""

    research_id = serializers.JSONField(required=False, allow_null=True)
    project_id = serializers.JSONField(required=False, allow_null=True, default=None)
    selected_feature_ids = serializers.ListField(
        child=serializers.CharField(max_length=200), min_length=1, max_length=MAX_FEATURES
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs.get("research_id") is None:
            raise errors.BadRequest("research_id required")
        if not isinstance(attrs["research_id"], str):
            raise errors.Unprocessable("research_id must be a string")
        return {**attrs, "project_id": uuid_or_none(attrs["project_id"], "project_id")}


class ListSerializer(serializers.Serializer[Any]):
    """Query of GET /products."""

    limit = serializers.IntegerField(min_value=1, max_value=MAX_PAGE, default=20)
    cursor = serializers.CharField(required=False, max_length=200)

    def validate_cursor(self, cursor: str) -> Place:
        return Place.parse(cursor)


def card(found: Card) -> dict[str, Any]:
    """A ProductCard."""
    job = found.research
    return {
        "id": str(found.pk),
        "card_id": str(found.pk),
        "project_id": str(found.project_id),
        "research_job_id": str(job.pk) if job else None,
        "idea": found.idea,
        "title": found.title,
        "one_liner": ideas.one_liner(found.title, found.idea),
        **understood(found),
        "state": state(found),
        "stage": (job.stream.stage or None) if job else None,
        "quality_score": job.quality_score if job else None,
        "last_event_seq": job.stream.last_seq if job else 0,
        "created_at": found.created_at.isoformat(),
        "updated_at": found.updated_at.isoformat(),
    }


def understood(found: Card) -> dict[str, Any]:
    """How the idea is understood: by its words alone, until its research has interpreted it.

    What the problem is, only a language model says.
    """
    data, notes = (found.interpretation, None) if found.interpreted is None else parted(found.interpreted)
    categories = data["categories"] if data else []
    return {
        "category": categories[0]["slug"] if categories else None,
        **(summaries.asked_for(data) if data else dict.fromkeys(("target_user", "product_type"))),
        "problem_statement": (notes.problem if notes else "") or None,
        "interpretation": data,
    }


def state(found: Card) -> str:
    """What its research says; a card of chosen features has a state of its own once it is worked on.

    Without its research, which went with another project, there is nothing to show: that of an idea is begun
    again, as one that failed.
    """
    status = found.research.stream.status if found.research else "failed"
    return str(found.content.get("state") or STATES[status])


def detail(found: Card) -> dict[str, Any]:
    """ProductDetail: the card, how far its research is, and what came of it."""
    job = found.research
    results = StageResult.objects.filter(stream=job.stream if job else None).defer("output")
    return {
        **card(found),
        "kind": found.kind,
        "checkpoints": [checkpoint(result) for result in results.order_by("created_at")],
        "artifact": job.artifact if job and job.has_result else None,
        "evidence": evidence.heaviest(job.evidence.all(), EVIDENCE) if job else [],
        "features": found.content.get("features", []),
    }


def checkpoint(result: StageResult) -> dict[str, Any]:
    return {
        "stage": result.stage,
        "attempt": result.attempt,
        "completed_at": result.created_at.isoformat(),
    }
