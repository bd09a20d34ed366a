"""What staff see of projects."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from accounts.admin.base import ReadOnlyAdmin, table
from projects.models import Clip, IndexedIdea, Project
from realtime.models import Stream

LAST = 50  # streams shown of a project


@admin.register(Project)
class ProjectAdmin(ReadOnlyAdmin):
    list_display = ("id", "clean_title", "owner_id", "state", "quality_score", "is_public", "updated_at")
    list_filter = ("state", "is_public")
    fields = (
        "id",
        "owner",
        "title",
        "description",
        "clean_title",
        "one_liner",
        "slug",
        "idea_key",
        "is_twin",
        "state",
        "quality_score",
        "is_public",
        "published_at",
        "public_options",
        "seeded_at",
        "created_at",
        "updated_at",
        "streams",
    )
    readonly_fields = ("streams",)
    search_fields = ("id", "owner", "slug")
    search_help_text = "A whole id, slug, or owner's id."
    ordering = ("-updated_at",)

    @admin.display(description="Streams")
    def streams(self, project: Project) -> SafeString:
        streams = Stream.objects.filter(project_id=project.pk).order_by("-created_at")[:LAST]
        rows = [(s.channel, s.pk, s.status, s.stage, s.last_seq, s.updated_at) for s in streams]
        return table(("Channel", "Id", "Status", "Stage", "Events", "Updated"), rows)


@admin.register(IndexedIdea)
class IndexedIdeaAdmin(ReadOnlyAdmin):
    """A vector says nothing to people."""

    list_display = ("id", "idea", "owner_id", "category", "is_public", "vector_model", "updated_at")
    list_filter = ("is_public",)
    fields = (
        "id",
        "owner",
        "project",
        "idea",
        "text",
        "category",
        "is_public",
        "vector_model",
        "updated_at",
    )
    search_fields = ("id", "owner")
    ordering = ("-updated_at",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("vector")


@admin.register(Clip)
class ClipAdmin(ReadOnlyAdmin):
    """Without the slug: it is all that somebody needs to see the page."""

    list_display = ("id", "title", "owner_id", "created_at", "updated_at")
    fields = ("id", "owner", "stream", "title", "description", "created_at", "updated_at")
    search_fields = ("id", "owner", "stream")
    ordering = ("-updated_at",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("slug", "blocks", "research")
