"""Build graphs on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from pydantic import ValidationError
from rest_framework import serializers

from buildgraphs import revising
from buildgraphs.models import BuildGraph, BuildNode, Confidence, Effort, Risk, Shipment, Target, UserStatus
from buildgraphs.reading import Missing, Reading
from buildgraphs.revising import Revision
from buildgraphs.schemas import Spec
from buildgraphs.tree import Progress
from manticscore import errors
from projects.pages import Place

MAX_IDEA = 5000
MAX_FEATURES = 100
MAX_FIELD = 300
MAX_TEXT = 8000
MAX_UNKNOWNS = 50
MAX_PAGE = 100
MAX_CURSOR = 200
FORMATS = ("markdown", "csv", "json", "linear", "jira", "pdf")
# What names the destination, and how.
DESTINATIONS = {
    Target.GITHUB: ("repo", "as owner/name"),
    Target.LINEAR: ("team_id", "the id of a Linear team"),
    Target.JIRA: ("project_key", "as in PROJ-12"),
    Target.SLACK: ("channel", "its id or #name"),
    Target.NOTION: ("page_id", "the page to put the plan under"),
}
PROJECT_KEY = r"^[A-Za-z][A-Za-z0-9_]{0,79}\Z"
EXAMPLE = {"objective": "-", "constraints": [], "acceptance_criteria": [], "test_checklist": []}
REPOSITORY = r"^[A-Za-z0-9][A-Za-z0-9-]{0,38}/(?!\.{1,2}\Z)[A-Za-z0-9._-]{1,100}\Z"


def uuid_or_null(**options: Any) -> serializers.UUIDField:
    return serializers.UUIDField(required=False, allow_null=True, **options)


class BodySerializer(serializers.Serializer[Any]):
    """A body in which a required field that is missing, or null, is a 400."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            for name, field in self.fields.items():
                if field.required and data.get(name) is None:
                    raise errors.BadRequest(f"{name} required")
        return super().to_internal_value(data)


class FeatureSerializer(serializers.Serializer[Any]):
    """A chosen feature, all strings. Without an id its label is one."""

    id = serializers.CharField(required=False, allow_blank=True, max_length=MAX_FIELD, default="")
    label = serializers.CharField(max_length=MAX_FIELD)  # type: ignore[assignment]
    source = serializers.CharField(  # type: ignore[assignment]
        required=False, allow_blank=True, max_length=MAX_FIELD, default=""
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return {**attrs, "id": attrs["id"] or attrs["label"]}


class StartSerializer(BodySerializer):
    """Body of POST /build-graphs."""

    idea = serializers.CharField(max_length=MAX_IDEA)
    features = serializers.ListField(child=FeatureSerializer(), required=False, allow_null=True)
    auto_select = serializers.BooleanField(default=False)
    phase = serializers.FloatField(required=False, allow_null=True, default=None)
    project_id = uuid_or_null()
    research_id = uuid_or_null()
    feature_research_id = uuid_or_null()

    def validate_features(self, features: list[dict[str, str]] | None) -> list[dict[str, str]]:
        if features is not None and len(features) > MAX_FEATURES:
            raise errors.Unprocessable(f"features: at most {MAX_FEATURES}")
        return features or []

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """A phase is only looked at where something is selected by it."""
        phase = attrs["phase"] if attrs["auto_select"] else None
        if phase not in (None, 1, 2):
            raise errors.Unprocessable("phase must be 1, 2 or null")
        return {**attrs, "phase": None if phase is None else int(phase)}


class ListSerializer(serializers.Serializer[Any]):
    """Query of GET /build-graphs: newest first, `before` what the last page gave as `next_before`."""

    limit = serializers.IntegerField(min_value=1, max_value=MAX_PAGE, default=20)
    before = serializers.CharField(required=False, max_length=MAX_CURSOR)
    project_id = serializers.UUIDField(required=False)

    def validate_before(self, cursor: str) -> Place:
        return Place.parse(cursor)


class GraphChangesSerializer(serializers.Serializer[Any]):
    """Body of PATCH /build-graphs/{graph_id}; a null project takes the graph out of its project."""

    project_id = serializers.UUIDField(required=False, allow_null=True)
    title = serializers.CharField(required=False, max_length=MAX_FIELD)


class ResearchSerializer(BodySerializer):
    """Body of POST /build-graphs/{graph_id}/research."""

    research_id = serializers.UUIDField()


class NodeChangesSerializer(serializers.Serializer[Any]):
    """Body of PATCH /build-nodes/{node_id}: what is left out stays."""

    name = serializers.CharField(required=False, max_length=MAX_FIELD)
    description = serializers.CharField(required=False, max_length=MAX_TEXT)
    user_status = serializers.ChoiceField(UserStatus.choices, required=False)
    risk = serializers.ChoiceField(Risk.choices, required=False)
    confidence = serializers.ChoiceField(Confidence.choices, required=False, allow_null=True)
    effort = serializers.ChoiceField(Effort.choices, required=False, allow_null=True)
    unknowns = serializers.ListField(
        child=serializers.CharField(max_length=MAX_FIELD), required=False, max_length=MAX_UNKNOWNS
    )
    depends_on = serializers.ListField(child=serializers.UUIDField(), required=False, max_length=MAX_FEATURES)
    spec = serializers.DictField(required=False)

    def validate_spec(self, given: dict[str, Any]) -> dict[str, Any]:
        """Some fields of a spec, within the limits of those that are made here."""
        try:
            spec = Spec.model_validate({**EXAMPLE, **given}).model_dump()
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(map(str, ("spec", *first["loc"])))
            raise errors.Unprocessable(f"{place}: {first['msg']}") from None
        return {name: spec[name] for name in given}


class ReexpandSerializer(serializers.Serializer[Any]):
    """Body of POST /build-nodes/{node_id}/re-expand. Without `keep` it is only shown what would change."""

    keep = serializers.ChoiceField(["former", "new"], required=False, allow_null=True, default=None)
    revision = serializers.CharField(required=False, max_length=64)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["keep"] == "new" and "revision" not in attrs:
            raise errors.BadRequest("revision required")
        return attrs


class ExportSerializer(serializers.Serializer[Any]):
    """Query of GET /build-graphs/{graph_id}/export."""

    format = serializers.ChoiceField(FORMATS, default="markdown")
    top_level_only = serializers.BooleanField(default=False)


class ShipSerializer(BodySerializer):
    """Body of POST /build-graphs/{graph_id}/ship."""

    target = serializers.ChoiceField(Target.choices)
    team_id = serializers.CharField(required=False, max_length=MAX_FIELD)
    project_key = serializers.RegexField(PROJECT_KEY, required=False)
    channel = serializers.CharField(required=False, max_length=MAX_FIELD)
    page_id = serializers.UUIDField(required=False)
    repo = serializers.RegexField(REPOSITORY, required=False, max_length=MAX_FIELD)
    top_level_only = serializers.BooleanField(default=False)

    def validate_team_id(self, given: str) -> str:
        return given.lower()  # one team, one spelling: nothing is shipped to it twice

    def validate_project_key(self, given: str) -> str:
        return given.upper()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        name, hint = DESTINATIONS[attrs["target"]]
        if name not in attrs:
            raise errors.BadRequest(f"{name} required, {hint}")
        return {**attrs, "destination": str(attrs[name])}


def accepted(graph: BuildGraph) -> dict[str, Any]:
    return {"graph_id": str(graph.pk), "status": graph.status}


def graph(found: BuildGraph) -> dict[str, Any]:
    """A graph without its nodes."""
    stream = found.stream
    return {
        **accepted(found),
        "idea": found.idea,
        "title": stream.title,
        "project_id": str(stream.project_id) if stream.project_id else None,
        "features": found.features,
        "auto_select": found.auto_select,
        "phase": found.phase,
        "feature_research_id": str(found.feature_research_id) if found.feature_research_id else None,
        "stage": stream.stage or None,
        "attempt": stream.attempt,
        "last_event_seq": stream.last_seq,
        "created_at": found.created_at.isoformat(),
        "updated_at": stream.updated_at.isoformat(),
    }


def detail(reading: Reading) -> dict[str, Any]:
    """A graph with its whole tree."""
    return {
        **graph(reading.graph),
        "research_ids": [str(each) for each in reading.research_ids],
        "node_count": len(reading.nodes),
        "progress": progress(reading.progress),
        "nodes": nested(reading),
    }


def nested(reading: Reading) -> list[dict[str, Any]]:
    """The tree as JSON; nodes come parents first, so every parent is there when its child is."""
    shown: dict[UUID, dict[str, Any]] = {}
    top: list[dict[str, Any]] = []
    for each in reading.nodes:
        shown[each.pk] = {**node(each), **context(reading, each), "children": []}
        siblings = shown[each.parent_id]["children"] if each.parent_id else top
        siblings.append(shown[each.pk])
    return top


def node(found: BuildNode) -> dict[str, Any]:
    """A node by itself."""
    return {
        "id": str(found.pk),
        "graph_id": str(found.graph_id),
        "parent_id": str(found.parent_id) if found.parent_id else None,
        "node_key": found.node_key,
        "depth": found.depth,
        "sort_order": found.sort_order,
        "name": found.name,
        "description": found.description,
        "risk": found.risk,
        "node_status": found.node_status,
        "user_status": found.user_status,
        "confidence": found.confidence,
        "effort": found.effort,
        "unknowns": found.unknowns,
        "reasons": found.reasons,
        "spec": found.spec,
    }


def context(reading: Reading, found: BuildNode) -> dict[str, Any]:
    """What a node is to the others: what it waits for, what it comes from, what lies below it."""
    stale = reading.stale(found)
    rolled = reading.roll_up[found.pk]
    return {
        "depends_on": [str(each) for each in reading.needs.get(found.pk, [])],
        "lineage": {
            "feature_id": found.feature_id,
            "archetype": found.archetype,
            "research_ids": reading.research_behind(found),
            "evidence_ids": found.evidence_ids,
            "stale_evidence_ids": stale,
            "is_stale": bool(stale),
        },
        "roll_up": {"risk": rolled.risk, "effort": rolled.effort, "progress": progress(rolled.progress)},
    }


def one(reading: Reading, node_id: UUID) -> dict[str, Any]:
    """A node with all below it."""
    waiting = nested(reading)
    while waiting:
        shown = waiting.pop()
        if shown["id"] == str(node_id):
            return shown
        waiting.extend(shown["children"])
    raise errors.NotFound()


def progress(found: Progress) -> dict[str, int]:
    return {
        "total": found.total,
        "done": found.done,
        "in_progress": found.in_progress,
        "skipped": found.skipped,
        "percent": found.percent,
    }


def missing(found: Missing) -> dict[str, str]:
    return {"archetype": found.archetype, "label": found.label, "reason": found.reason}


def revision(found: Revision) -> dict[str, Any]:
    """What comes, what goes and what changes, by key."""
    return {
        "revision": found.id,
        "added": [{"node_key": draft.key, "name": draft.name} for draft in found.added],
        "removed": [brief(child) for child in found.removed],
        "changed": [
            {**brief(child), "changes": revising.changes(child, draft)} for child, draft in found.changed
        ],
        "kept": [brief(child) for child in found.kept],
    }


def brief(child: BuildNode) -> dict[str, Any]:
    return {
        "id": str(child.pk),
        "node_key": child.node_key,
        "name": child.name,
        "user_status": child.user_status,
    }


def shipment(found: Shipment) -> dict[str, Any]:
    return {
        "ship_id": str(found.pk),
        "graph_id": str(found.graph_id),
        "target": found.target,
        "destination": found.destination,
        "top_level_only": found.top_level_only,
        "status": found.status,
        "error_code": found.error_code or None,
    }


def shipments(graph: BuildGraph) -> dict[str, Any]:
    """How shipping went, the latest first, and what is there now: issues, messages and pages."""
    items = graph.shipped_items.exclude(reference="").order_by("target", "destination", "pk")
    return {
        "ships": [shipment(each) for each in graph.shipments.order_by("-created_at", "pk")[:MAX_PAGE]],
        "items": list(items.values("subject_id", "target", "destination", "reference", "url")),
    }


def wish(values: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of actions.Wish."""
    return {**values, "features": [dict(each) for each in values.get("features", [])]}
