"""Body of POST /projects/research."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from projects.serializers import ProjectSerializer
from research.actions.research import Question
from research.serializers.research import MAX_IDEA, options, text


class ProjectResearchSerializer(serializers.Serializer[Any]):
    """A project's fields and research's. Without `idea`, the description is researched, or else the title."""

    title = serializers.JSONField(required=False, allow_null=True)
    description = serializers.JSONField(required=False, allow_null=True)
    idea = serializers.JSONField(required=False, allow_null=True)
    mode = serializers.JSONField(required=False, allow_null=True)
    refresh = serializers.JSONField(required=False, allow_null=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        project = ProjectSerializer().validate(attrs)
        idea = attrs.get("idea")
        told = (project["description"] or project["title"])[:MAX_IDEA] if idea is None else idea
        return {"project": project, "question": Question(text(told, "idea", MAX_IDEA), **options(attrs))}
