"""What staff see of research and of the corpus behind it."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from accounts.admin.base import ReadOnlyAdmin, table
from research.models import (
    Card,
    CorpusState,
    EmbeddingSpace,
    Evidence,
    FeatureEvidence,
    FeatureResearchJob,
    Passage,
    ResearchJob,
    Source,
    Term,
)

PASSAGES_SHOWN = 100


class JobAdmin(ReadOnlyAdmin):
    """What the jobs of both kinds of research have in common."""

    list_select_related = ("stream",)
    readonly_fields = ("status", "stage", "evidence_rows")
    ordering = ("-created_at",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("artifact")

    @admin.display(description="Stream's status")
    def status(self, job: ResearchJob | FeatureResearchJob) -> str:
        return job.stream.status

    @admin.display(description="Stage")
    def stage(self, job: ResearchJob | FeatureResearchJob) -> str:
        return job.stream.stage

    @admin.display(description="Pieces of evidence")
    def evidence_rows(self, job: ResearchJob | FeatureResearchJob) -> int:
        return job.evidence.count()


@admin.register(ResearchJob)
class ResearchJobAdmin(JobAdmin):
    list_display = ("pk", "idea", "owner_id", "mode", "status", "stage", "quality_score", "created_at")
    fields = (
        "stream",
        "owner",
        "idea",
        "idea_key",
        "mode",
        "project_id",
        "is_waiting",
        "is_public",
        "as_of",
        "status",
        "stage",
        "quality_score",
        "artifact_hash",
        "evidence_rows",
        "created_at",
    )
    search_fields = ("stream", "owner")


@admin.register(Card)
class CardAdmin(ReadOnlyAdmin):
    list_display = ("id", "title", "kind", "owner_id", "created_at", "updated_at")
    list_filter = ("kind",)
    fields = (
        "id",
        "owner",
        "kind",
        "project",
        "research",
        "idea",
        "title",
        "content",
        "interpretation",
        "created_at",
        "updated_at",
    )
    search_fields = ("id", "owner", "research")
    ordering = ("-updated_at",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("research").defer("research__artifact")


@admin.register(Evidence, FeatureEvidence)
class EvidenceAdmin(ReadOnlyAdmin):
    list_display = ("id", "job_id", "source", "quote", "weight", "verdict", "checked_at")
    list_select_related = ("source",)
    fields = (
        "id",
        "owner",
        "job",
        "key",
        "source",
        "quote",
        "start",
        "end",
        "weight",
        "checked_at",
        "verdict",
        "now_says",
    )
    search_fields = ("id", "job", "owner")
    ordering = ("-id",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        # Of the source only its name is shown; its text and vector are large.
        unneeded = ("source__text", "source__vector", "source__terms", "source__facts")
        return super().get_queryset(request).select_related("source").defer(*unneeded)


@admin.register(FeatureResearchJob)
class FeatureResearchJobAdmin(JobAdmin):
    list_display = ("pk", "idea", "owner_id", "is_chained", "status", "stage", "created_at")
    fields = (
        "stream",
        "owner",
        "idea",
        "features",
        "project_id",
        "research",
        "is_chained",
        "as_of",
        "status",
        "stage",
        "artifact_hash",
        "evidence_rows",
        "created_at",
    )
    search_fields = ("stream", "owner", "research")


@admin.register(Source)
class SourceAdmin(ReadOnlyAdmin):
    """Passages are shown with their source; vectors say nothing to people."""

    list_display = ("id", "name", "kind", "origin", "domain", "vector_model", "fetched_at")
    fields = (
        "id",
        "origin",
        "key",
        "kind",
        "name",
        "url",
        "domain",
        "category",
        "founded",
        "pricing",
        "published_on",
        "facts",
        "text",
        "vector_model",
        "fetched_at",
        "retrieved",
        "sentences",
    )
    readonly_fields = ("sentences",)
    search_fields = ("id", "domain")
    search_help_text = "A source's id, or its whole domain."
    ordering = ("id",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("vector", "terms")

    @admin.display(description="Sentences")
    def sentences(self, source: Source) -> SafeString:
        passages = Passage.objects.filter(source=source).defer("vector").order_by("start")[:PASSAGES_SHOWN]
        rows = [
            (passage.start, passage.end, source.text[passage.start : passage.end]) for passage in passages
        ]
        return table(("From", "To", "Text"), rows)


@admin.register(Term)
class TermAdmin(ReadOnlyAdmin):
    list_display = ("stem", "sources")
    fields = ("stem", "sources")
    search_fields = ("stem",)
    search_help_text = "A whole stem."
    ordering = ("stem",)


@admin.register(EmbeddingSpace)
class EmbeddingSpaceAdmin(ReadOnlyAdmin):
    list_display = ("id", "created_at")
    fields = ("id", "created_at")
    ordering = ("id",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("state")


@admin.register(CorpusState)
class CorpusStateAdmin(ReadOnlyAdmin):
    list_display = ("id", "revision", "sources", "mean_length", "space_id", "catalogue")
    fields = ("revision", "sources", "mean_length", "space", "catalogue")
