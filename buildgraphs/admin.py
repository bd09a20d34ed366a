"""What staff see of build graphs."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.admin.base import ReadOnlyAdmin, table
from buildgraphs.models import BuildDependency, BuildGraph, BuildNode, Shipment, ShippedItem

SHOWN = 200  # nodes of a graph


@admin.register(BuildGraph)
class BuildGraphAdmin(ReadOnlyAdmin):
    list_display = ("pk", "idea", "owner_id", "state", "node_count", "ready_at", "created_at")
    list_select_related = ("stream",)
    fields = ("stream", "owner", "idea", "chosen", "auto_select", "phase", "feature_research", "state",
              "tree", "ready_at", "created_at")  # fmt: skip
    readonly_fields = ("chosen", "state", "tree")
    search_fields = ("stream", "owner")
    ordering = ("-created_at",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        counted: QuerySet[Any] = rows.defer("material").annotate(nodes_stored=Count("nodes"))
        return counted

    @admin.display(description="Status")
    def state(self, graph: BuildGraph) -> str:
        return graph.status

    @admin.display(description="Nodes", ordering="nodes_stored")
    def node_count(self, graph: Any) -> int:
        return int(graph.nodes_stored)

    @admin.display(description="Features")
    def chosen(self, graph: BuildGraph) -> SafeString:
        rows = [(each["id"], each["label"], each.get("source", "")) for each in graph.features]
        inside = table(("Id", "Label", "Source"), rows)
        return format_html("<details><summary>{}</summary>{}</details>", len(rows), inside)

    @admin.display(description="Nodes")
    def tree(self, graph: Any) -> SafeString:
        nodes = graph.nodes.defer("spec").order_by("node_key")[:SHOWN]
        rows = [(n.node_key, n.name, n.node_status, n.user_status, n.risk, n.effort) for n in nodes]
        shown = table(("Key", "Name", "Node", "Work", "Risk", "Effort"), rows)
        return format_html("<p>{} of {}</p>{}", len(rows), self.node_count(graph), shown)


@admin.register(BuildNode)
class BuildNodeAdmin(ReadOnlyAdmin):
    list_display = (
        "pk",
        "node_key",
        "graph_id",
        "node_status",
        "user_status",
        "risk",
        "effort",
        "confidence",
    )
    list_filter = ("node_status", "user_status", "risk")
    fields = ("graph", "parent", "node_key", "depth", "sort_order", "name", "description", "risk",
              "node_status", "user_status", "confidence", "effort", "unknowns", "reasons", "spec",
              "feature_id", "archetype", "part", "evidence_ids", "notes", "created_at",
              "updated_at")  # fmt: skip
    search_fields = ("id", "graph")
    ordering = ("-created_at", "pk")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("parent", "graph")


@admin.register(BuildDependency)
class BuildDependencyAdmin(ReadOnlyAdmin):
    list_display = ("pk", "node_id", "needs_id")
    fields = ("node", "needs")
    search_fields = ("node", "needs")
    ordering = ("-pk",)


@admin.register(Shipment)
class ShipmentAdmin(ReadOnlyAdmin):
    list_display = (
        "pk",
        "graph_id",
        "target",
        "destination",
        "status",
        "error_code",
        "created_at",
        "ended_at",
    )
    list_filter = ("status", "target")
    fields = ("graph", "target", "destination", "top_level_only", "status", "error_code", "failures",
              "not_before", "created_at", "ended_at")  # fmt: skip
    search_fields = ("id", "graph")
    ordering = ("-created_at", "pk")


@admin.register(ShippedItem)
class ShippedItemAdmin(ReadOnlyAdmin):
    list_display = ("pk", "graph_id", "subject_id", "target", "destination", "reference", "asked_at")
    list_filter = ("target",)
    fields = ("graph", "subject_id", "target", "destination", "key", "reference", "url", "asked_at")
    search_fields = ("subject_id", "graph")
    ordering = ("-pk",)
