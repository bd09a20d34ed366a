"""Market research over HTTP."""

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
from realtime import access
from realtime import hub as hubs
from realtime.ndjson import events_response
from realtime.topics import Channel
from research import reads
from research.actions import research as actions
from research.models import ResearchJob
from research.serializers import research as shapes


class ResearchListView(APIView):
    """POST /research: start a job."""

    def post(self, request: AuthenticatedRequest) -> Response:
        ratelimits.check(ratelimits.START_RESEARCH, request)
        body = shapes.StartResearchSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        return idempotent(request, "POST /research", partial(self.start, request, body.validated_data))

    def start(self, request: AuthenticatedRequest, values: dict[str, Any]) -> Response:
        job = actions.start(owner=request.user, **values)
        return Response(shapes.accepted(job), status=202)


class ResearchView(APIView):
    """GET /research/{job_id}"""

    def get(self, request: AuthenticatedRequest, job_id: UUID) -> Response:
        return Response(shapes.detail(find(request, job_id)))


@require_safe
async def status(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """GET /research/{job_id}/status"""
    token = sessions.bearer_token(request.META.get("HTTP_AUTHORIZATION", ""))
    row = await access.read(await hubs.current(), token, reads.STATUS, job_id=job_id)
    return json_response(reads.status(row))


def find(request: AuthenticatedRequest, job_id: UUID) -> ResearchJob:
    """The caller's own job. Somebody else's is as absent as one that never was."""
    jobs: Any = ResearchJob.objects.owned_by(request.user.pk).select_related("stream")
    job: ResearchJob | None = jobs.filter(pk=job_id).first()
    if job is None:
        raise errors.NotFound()
    return job


@require_safe
async def events(request: HttpRequest, job_id: UUID) -> HttpResponse | StreamingHttpResponse:
    """GET /research/{job_id}/events"""
    return await events_response(request, job_id, Channel.RESEARCH, "job_id")
