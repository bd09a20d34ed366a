"""Projects on the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from rest_framework import serializers

from manticscore import errors
from manticscore.lib import ideas
from projects import public
from projects.models import Project
from projects.pages import Place

MAX_TITLE = 300
MAX_DESCRIPTION = 8000
MAX_PAGE = 100
MAX_QUERY = 500
MAX_FOUND = 50


class ProjectSerializer(serializers.Serializer[Any]):
    """Body of POST /projects."""

    title = serializers.JSONField(required=False, allow_null=True)
    description = serializers.JSONField(required=False, allow_null=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs.get("title") is None:
            raise errors.BadRequest("title required")
        return {"title": title(attrs["title"]), "description": description(attrs.get("description"))}


class ChangesSerializer(serializers.Serializer[Any]):
    """Body of PATCH /projects/{project_id}: what is left out, or null, stays."""

    title = serializers.JSONField(required=False, allow_null=True)
    description = serializers.JSONField(required=False, allow_null=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        checks = {"title": title, "description": description}
        return {name: check(attrs[name]) for name, check in checks.items() if attrs.get(name) is not None}


class PublishSerializer(serializers.Serializer[Any]):
    """Body of POST /projects/{project_id}/publish: which parts everybody may see."""

    public_options = serializers.DictField(child=serializers.BooleanField(), required=False, default=dict)

    def validate_public_options(self, options: dict[str, bool]) -> dict[str, bool]:
        unknown = sorted(set(options) - set(public.OPTIONS))
        if unknown:
            raise errors.Unprocessable(f"public_options: must be among {', '.join(public.OPTIONS)}")
        return options


class ListSerializer(serializers.Serializer[Any]):
    """Query of GET /projects."""

    limit = serializers.IntegerField(min_value=1, max_value=MAX_PAGE, default=20)
    cursor = serializers.CharField(required=False, max_length=200)

    def validate_cursor(self, cursor: str) -> Place:
        return Place.parse(cursor)


class SearchSerializer(serializers.Serializer[Any]):
    """Query of GET /projects/search."""

    q = serializers.CharField(max_length=MAX_QUERY)
    limit = serializers.IntegerField(min_value=1, max_value=MAX_FOUND, default=10)


def title(value: Any) -> str:
    return text(value, "title", MAX_TITLE, may_be_blank=False)


def description(value: Any) -> str:
    return "" if value is None else text(value, "description", MAX_DESCRIPTION)


def text(value: Any, name: str, longest: int, *, may_be_blank: bool = True) -> str:
    if not isinstance(value, str):
        raise errors.Unprocessable(f"{name} must be a string")
    found = value.strip()
    if not (ideas.clean(found) or may_be_blank):
        raise errors.Unprocessable(f"{name} must not be blank")
    if len(found) > longest:
        raise errors.Unprocessable(f"{name} must have at most {longest} characters")
    return found


def project(found: Project) -> dict[str, Any]:
    """A project as POST /projects gives it."""
    return {
        "id": str(found.pk),
        "user_id": found.owner_id,
        "title": found.title,
        "slug": found.slug,
        "state": found.state,
        "quality_score": found.quality_score or 0,
        "description": found.description,
        "clean_title": found.clean_title,
        "one_liner": found.one_liner,
        "normalization_status": "complete",
        "created_at": moment(found.created_at),
        "updated_at": moment(found.updated_at),
    }


def detail(found: Project) -> dict[str, Any]:
    """A project with what everybody may see of it."""
    return {**project(found), "publication": publication(found)}


def publication(found: Project) -> dict[str, Any]:
    return {
        "published": found.is_public,
        "published_at": moment(found.published_at) if found.is_public and found.published_at else None,
        "slug": found.slug,
        "path": f"/public/p/{found.slug}" if found.is_public else None,
        "public_options": public.options(found),
    }


def moment(at: datetime) -> str:
    return at.isoformat()
