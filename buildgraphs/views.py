"""Build graphs and their nodes over HTTP."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.views.decorators.http import require_safe
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import ratelimits
from accounts.http import AuthenticatedRequest
from accounts.idempotency import idempotent
from buildgraphs import actions, exporting, reading, revising, shipping, tree
from buildgraphs import serializers as shapes
from buildgraphs.models import BuildGraph, BuildNode
from manticscore import errors
from projects import pages
from realtime.ndjson import events_response
from realtime.topics import Channel


class GraphsView(APIView):
    """GET and POST /build-graphs"""

    def get(self, request: AuthenticatedRequest) -> Response:
        query = validated(shapes.ListSerializer(data=request.query_params))
        graphs = BuildGraph.objects.owned_by(request.user.pk).select_related("stream").defer("material")
        if "project_id" in query:
            graphs = graphs.filter(stream__project_id=query["project_id"])
        found, following = pages.page(graphs, query.get("before"), query["limit"], at="created_at")
        return Response(
            {
                "graphs": [shapes.graph(graph) for graph in found],
                "next_before": str(following) if following else None,
            }
        )

    def post(self, request: AuthenticatedRequest) -> Response:
        ratelimits.check(ratelimits.START_BUILD, request)
        body = validated(shapes.StartSerializer(data=request.data))
        return idempotent(request, "POST /build-graphs", partial(self.start, request, body))

    def start(self, request: AuthenticatedRequest, body: dict[str, Any]) -> Response:
        graph = actions.start(request.user, actions.Wish(**shapes.wish(body)))
        return Response(shapes.accepted(graph), status=201)


class GraphView(APIView):
    """GET, PATCH and DELETE /build-graphs/{graph_id}"""

    def get(self, request: AuthenticatedRequest, graph_id: UUID) -> Response:
        return Response(shapes.detail(reading.read(find(request, graph_id))))

    def patch(self, request: AuthenticatedRequest, graph_id: UUID) -> Response:
        graph = find(request, graph_id)
        changes = validated(shapes.GraphChangesSerializer(data=request.data))
        return Response(shapes.graph(actions.update(graph, changes)))

    def delete(self, request: AuthenticatedRequest, graph_id: UUID) -> Response:
        actions.delete(find(request, graph_id))
        return Response(status=204)


class GraphResearchView(APIView):
    """POST /build-graphs/{graph_id}/research: let further expansions stand on this research too."""

    def post(self, request: AuthenticatedRequest, graph_id: UUID) -> Response:
        graph = find(request, graph_id)
        body = validated(shapes.ResearchSerializer(data=request.data))
        linked = actions.link_research(graph, request.user, body["research_id"])
        return Response(shapes.detail(reading.read(linked)))


class RetryView(APIView):
    """POST /build-graphs/{graph_id}/retry"""

    def post(self, request: AuthenticatedRequest, graph_id: UUID) -> Response:
        graph = actions.retry(find(request, graph_id))
        return Response(shapes.accepted(graph), status=202)


class NextView(APIView):
    """GET /build-graphs/{graph_id}/next: what can be worked on now, the best first."""

    def get(self, request: AuthenticatedRequest, graph_id: UUID) -> Response:
        found = reading.read(find(request, graph_id))
        free = tree.actionable(found.nodes, found.needs)
        first = shapes.one(found, free[0].pk) if free else None
        return Response({"node": first, "actionable": len(free)})


class ProgressView(APIView):
    """GET /build-graphs/{graph_id}/progress"""

    def get(self, request: AuthenticatedRequest, graph_id: UUID) -> Response:
        found = reading.read(find(request, graph_id))
        features = [
            {**shapes.brief(root), "progress": shapes.progress(found.roll_up[root.pk].progress)}
            for root in found.roots
        ]
        return Response(
            {"graph_id": str(graph_id), "progress": shapes.progress(found.progress), "features": features}
        )


class ExportView(APIView):
    """GET /build-graphs/{graph_id}/export"""

    def get(self, request: AuthenticatedRequest, graph_id: UUID) -> HttpResponse:
        graph = find(request, graph_id)
        query = validated(shapes.ExportSerializer(data=request.query_params))
        if query["format"] == "pdf":
            ratelimits.check(ratelimits.PDF, request)
        file = exporting.export(reading.read(graph), query["format"], top_level_only=query["top_level_only"])
        disposition = f'attachment; filename="{file.name}"'
        return HttpResponse(
            file.body, content_type=file.content_type, headers={"Content-Disposition": disposition}
        )


class ShipView(APIView):
    """GET and POST /build-graphs/{graph_id}/ship"""

    def get(self, request: AuthenticatedRequest, graph_id: UUID) -> Response:
        return Response(shapes.shipments(find(request, graph_id)))

    def post(self, request: AuthenticatedRequest, graph_id: UUID) -> Response:
        graph = find(request, graph_id)
        body = validated(shapes.ShipSerializer(data=request.data))
        ratelimits.check(ratelimits.SHIP, request)
        destination = shipping.resolved(graph, body["target"], body["destination"])
        made = actions.ship(graph, body["target"], destination, top_level_only=body["top_level_only"])
        return Response(shapes.shipment(made), status=202)


@require_safe
async def events(request: HttpRequest, graph_id: UUID) -> HttpResponse | StreamingHttpResponse:
    """GET /build-graphs/{graph_id}/events"""
    return await events_response(request, graph_id, Channel.BUILD, "graph_id")


class NodeView(APIView):
    """GET and PATCH /build-nodes/{node_id}"""

    def get(self, request: AuthenticatedRequest, node_id: UUID) -> Response:
        return Response(shown(find_node(request, node_id)))

    def patch(self, request: AuthenticatedRequest, node_id: UUID) -> Response:
        node = find_node(request, node_id)
        changes = validated(shapes.NodeChangesSerializer(data=request.data))
        return Response(shown(actions.change(node, changes)))


class ExpandView(APIView):
    """POST /build-nodes/{node_id}/expand"""

    def post(self, request: AuthenticatedRequest, node_id: UUID) -> Response:
        node = actions.expand(find_node(request, node_id))
        body = {"node_id": str(node.pk), "graph_id": str(node.graph_id), "node_status": node.node_status}
        return Response(body, status=202)


class AssessView(APIView):
    """POST /build-nodes/{node_id}/assess"""

    def post(self, request: AuthenticatedRequest, node_id: UUID) -> Response:
        return Response(shown(actions.assess(find_node(request, node_id))))


class ReexpandView(APIView):
    """POST /build-nodes/{node_id}/re-expand: show what would change, then keep either."""

    def post(self, request: AuthenticatedRequest, node_id: UUID) -> Response:
        node = find_node(request, node_id)
        body = validated(shapes.ReexpandSerializer(data=request.data))
        if body["keep"] == "new":
            found = actions.replace_children(node, body["revision"])
        else:
            found = revising.revision(node.graph, node)
        applied = body["keep"] == "new"
        return Response({**shapes.revision(found), "kept_side": body["keep"], "applied": applied})


class PrerequisitesView(APIView):
    """GET /build-nodes/{node_id}/prerequisites"""

    def get(self, request: AuthenticatedRequest, node_id: UUID) -> Response:
        node = find_node(request, node_id)
        needed, missing = reading.prerequisites(reading.read(node.graph), node)
        return Response(
            {
                "node_id": str(node_id),
                "needs": [shapes.brief(each) for each in needed],
                "suggested": [shapes.missing(each) for each in missing],
            }
        )


def find(request: AuthenticatedRequest, graph_id: UUID) -> BuildGraph:
    """The caller's own graph. Somebody else's is as absent as one that never was."""
    own = BuildGraph.objects.owned_by(request.user.pk).select_related("stream")
    graph = own.filter(pk=graph_id).first()
    if graph is None:
        raise errors.NotFound()
    return graph


def find_node(request: AuthenticatedRequest, node_id: UUID) -> BuildNode:
    own = BuildNode.objects.filter(graph__owner_id=request.user.pk).select_related("graph__stream")
    node = own.filter(pk=node_id).first()
    if node is None:
        raise errors.NotFound()
    return node


def shown(node: BuildNode) -> dict[str, Any]:
    """The node with all below it."""
    return shapes.one(reading.read(node.graph), node.pk)


def validated(serializer: Any) -> dict[str, Any]:
    serializer.is_valid(raise_exception=True)
    values: dict[str, Any] = serializer.validated_data
    return values
