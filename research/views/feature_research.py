"""Feature deep research over HTTP."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.views.decorators.http import require_safe
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import ratelimits, sessions
from accounts.http import AuthenticatedRequest
from accounts.idempotency import idempotent
from manticscore import errors
from manticscore.views import json_response
from projects.views import validated
from realtime import access
from realtime import hub as hubs
from realtime.ndjson import events_response
from realtime.topics import Channel
from research import reads
from research.actions import feature_research as actions
from research.actions.feature_research import Question
from research.models import FeatureResearchJob
from research.serializers import feature_research as shapes
from research.views import research


class FeatureResearchListView(APIView):
    """POST /feature-research: start a job."""

    def post(self, request: AuthenticatedRequest) -> Response:
        ratelimits.check(ratelimits.START_FEATURE_RESEARCH, request)
        values = validated(shapes.StartFeatureResearchSerializer(data=request.data))
        return idempotent(request, "POST /feature-research", partial(self.start, request, values))

    def start(self, request: AuthenticatedRequest, values: dict[str, Any]) -> Response:
        research_id = values.pop("research_id")
        source = research.find(request, research_id) if research_id else None
        project_id = values.pop("project_id") or (source.project_id if source else None)
        job = actions.start(request.user.pk, Question(**values, project_id=project_id, research=source))
        return Response(shapes.accepted(job), status=202)


class FeatureResearchView(APIView):
    """GET /feature-research/{job_id}"""

    def get(self, request: AuthenticatedRequest, feature_research_id: UUID) -> Response:
        return Response(shapes.detail(find(request, feature_research_id)))


class ResultView(APIView):
    """GET /feature-research/{job_id}/result"""

    def get(self, request: AuthenticatedRequest, feature_research_id: UUID) -> Response:
        job = find(request, feature_research_id, with_artifact=True)
        if not shapes.is_completed(job):
            raise errors.Conflict("This feature research has no result")
        return Response(shapes.result(job))


class CancelView(APIView):
    """POST /feature-research/{job_id}/cancel"""

    def post(self, request: AuthenticatedRequest, feature_research_id: UUID) -> Response:
        actions.cancel(find(request, feature_research_id))
        return Response(shapes.status(find(request, feature_research_id)))


def find(
    request: AuthenticatedRequest, feature_research_id: UUID, *, with_artifact: bool = False
) -> FeatureResearchJob:
    """The caller's own job. Somebody else's is as absent as one that never was."""
    jobs: Any = FeatureResearchJob.objects.owned_by(request.user.pk).select_related("stream")
    jobs = jobs if with_artifact else jobs.defer("artifact")
    job: FeatureResearchJob | None = jobs.filter(pk=feature_research_id).first()
    if job is None:
        raise errors.NotFound()
    return job


@require_safe
async def status(request: HttpRequest, feature_research_id: UUID) -> HttpResponse:
    """GET /feature-research/{job_id}/status"""
    token = sessions.bearer_token(request.META.get("HTTP_AUTHORIZATION", ""))
    row = await access.read(await hubs.current(), token, reads.FEATURE_STATUS, job_id=feature_research_id)
    return json_response(reads.feature_status(row))


@require_safe
async def events(request: HttpRequest, feature_research_id: UUID) -> HttpResponse | StreamingHttpResponse:
    """GET /feature-research/{job_id}/events"""
    return await events_response(request, feature_research_id, Channel.FEATURE_RESEARCH, "job_id")
