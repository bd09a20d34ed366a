"""Ideas in, cards out."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.views.decorators.http import require_safe
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import ratelimits, sessions
from accounts.http import AuthenticatedRequest
from manticscore import errors
from projects import pages
from projects.views import validated
from realtime import access
from realtime import hub as hubs
from realtime.ndjson import events_response
from realtime.topics import Channel
from research import reads
from research.actions import cards as actions
from research.models import Card, ResearchJob
from research.serializers import cards as shapes


class IdeasView(APIView):
    """POST /ideas"""

    def post(self, request: AuthenticatedRequest) -> Response:
        ratelimits.check(ratelimits.IDEAS, request)
        body = validated(shapes.IdeaSerializer(data=request.data))
        return Response(shapes.card(actions.put(request.user, body["idea"])), status=202)


class PipelineIdeasView(APIView):
    """POST /v1/ideas"""

    def post(self, request: AuthenticatedRequest) -> Response:
        ratelimits.check(ratelimits.CARD_IDEAS, request)
        card = actions.put(request.user, **validated(shapes.PipelineIdeaSerializer(data=request.data)))
        return Response({"card_id": str(card.pk), "status": "in_progress"}, status=201)


class FeatureSelectionView(APIView):
    """POST /v1/pipeline/feature-selection"""

    def post(self, request: AuthenticatedRequest) -> Response:
        ratelimits.check(ratelimits.FEATURE_SELECTION, request)
        body = validated(shapes.FeatureSelectionSerializer(data=request.data))
        job = research_of(request, body["research_id"])
        card = actions.select_features(
            request.user, job, body["selected_feature_ids"], project_id=body["project_id"]
        )
        return Response({"card_id": str(card.pk)}, status=202)


def research_of(request: AuthenticatedRequest, research_id: str) -> ResearchJob:
    """The caller's own. Whatever is no id is the id of nothing."""
    try:
        job = ResearchJob.objects.owned_by(request.user.pk).filter(pk=UUID(research_id)).first()
    except ValueError:
        job = None
    if job is None:
        raise errors.NotFound("research_not_found")
    return job


class ProductsView(APIView):
    """GET /products"""

    def get(self, request: AuthenticatedRequest) -> Response:
        query = validated(shapes.ListSerializer(data=request.query_params))
        rows = own_cards(request).of_ideas()
        found, following = pages.page(rows, query.get("cursor"), query["limit"])
        return Response(
            {
                "products": [shapes.card(card) for card in found],
                "next_cursor": str(following) if following else None,
            }
        )


class ProductView(APIView):
    """GET /products/{card_id}"""

    def get(self, request: AuthenticatedRequest, card_id: UUID) -> Response:
        card = own_cards(request, with_artifact=True).filter(pk=card_id).first()
        if card is None:
            raise errors.NotFound()
        return Response(shapes.detail(card))


def own_cards(request: AuthenticatedRequest, *, with_artifact: bool = False) -> Any:
    rows = Card.objects.owned_by(request.user.pk).select_related("research__stream").with_interpreted()
    return rows if with_artifact else rows.defer("research__artifact")


@require_safe
async def events(request: HttpRequest, card_id: UUID) -> HttpResponse | StreamingHttpResponse:
    """GET /products/{card_id}/events: those of its research."""
    token = sessions.bearer_token(request.META.get("HTTP_AUTHORIZATION", ""))
    [job_id] = await access.read(await hubs.current(), token, reads.RESEARCH_OF_CARD, card_id=card_id)
    return await events_response(request, job_id, Channel.RESEARCH, "job_id")
