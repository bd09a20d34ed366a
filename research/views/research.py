"""Market research over HTTP."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest, StreamingHttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import ratelimits
from accounts.http import AuthenticatedRequest
from manticscore import errors
from realtime.ndjson import events_response
from realtime.topics import Channel
from research.actions import research as actions
from research.models import ResearchJob
from research.serializers import research as shapes


class ResearchListView(APIView):
    """POST /research: start a job."""

    def post(self, request: AuthenticatedRequest) -> Response:
        ratelimits.check(ratelimits.START_RESEARCH, request)
        body = shapes.StartResearchSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        job = actions.start(owner=request.user, **body.validated_data)
        return Response(shapes.accepted(job), status=202)


class ResearchView(APIView):
    """GET /research/{job_id}"""

    def get(self, request: AuthenticatedRequest, job_id: UUID) -> Response:
        return Response(shapes.detail(find(request, job_id)))


class ResearchStatusView(APIView):
    """GET /research/{job_id}/status"""

    def get(self, request: AuthenticatedRequest, job_id: UUID) -> Response:
        return Response(shapes.status(find(request, job_id, defer=("artifact",))))


def find(request: AuthenticatedRequest, job_id: UUID, defer: tuple[str, ...] = ()) -> ResearchJob:
    """The caller's own job. Somebody else's is as absent as one that never was."""
    jobs: Any = ResearchJob.objects.owned_by(request.user.pk).select_related("stream").defer(*defer)
    job: ResearchJob | None = jobs.filter(pk=job_id).first()
    if job is None:
        raise errors.NotFound()
    return job


@csrf_exempt  # there is no cookie to forge with, and another method is a 405
@require_safe
async def events(request: HttpRequest, job_id: UUID) -> StreamingHttpResponse:
    """GET /research/{job_id}/events"""
    return await events_response(request, job_id, Channel.RESEARCH, "job_id")
