"""Market research over HTTP."""

from __future__ import annotations

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
from projects import pages
from projects.views import validated
from realtime import access
from realtime import hub as hubs
from realtime.ndjson import events_response
from realtime.topics import Channel
from research import reads
from research.actions import research as actions
from research.actions import retrying, sharing
from research.actions.research import Question
from research.models import ResearchJob
from research.serializers import research as shapes
from research.views import starting


class ResearchListView(APIView):
    """GET and POST /research"""

    def get(self, request: AuthenticatedRequest) -> Response:
        query = validated(shapes.ListSerializer(data=request.query_params))
        own: Any = ResearchJob.objects.owned_by(request.user.pk).select_related("stream")
        filters = {"project_id": query.get("project_id"), "stream__status": query.get("status")}
        wanted = {name: value for name, value in filters.items() if value is not None}
        rows = own.filter(**wanted).defer("artifact")
        found, following = pages.page(rows, query.get("cursor"), query["limit"], "created_at")
        return Response(
            {
                "research": [shapes.listed(job) for job in found],
                "next_cursor": str(following) if following else None,
            }
        )

    def post(self, request: AuthenticatedRequest) -> Response:
        wait = starting.seconds_to_wait(ratelimits.START_RESEARCH, request)
        question = Question(**validated(shapes.StartResearchSerializer(data=request.data)))
        return idempotent(request, "POST /research", lambda: starting.ask(request, question, wait))


class ResearchView(APIView):
    """GET and PATCH /research/{job_id}"""

    def get(self, request: AuthenticatedRequest, job_id: UUID) -> Response:
        return Response(shapes.detail(find(request, job_id)))

    def patch(self, request: AuthenticatedRequest, job_id: UUID) -> Response:
        job = find(request, job_id)
        body = validated(shapes.ChangeResearchSerializer(data=request.data))
        job = sharing.set_visibility(job, is_public=body["visibility"] == "public")
        return Response(shapes.status(job) | shapes.asked(job))


class CancelView(APIView):
    """POST /research/{job_id}/cancel"""

    def post(self, request: AuthenticatedRequest, job_id: UUID) -> Response:
        actions.cancel(find(request, job_id))
        return Response(shapes.status(find(request, job_id)))


class RetrySectionView(APIView):
    """POST /research/{job_id}/sections/{section}/retry"""

    def post(self, request: AuthenticatedRequest, job_id: UUID, section: str) -> Response:
        ratelimits.check(ratelimits.RETRY_SECTION, request)
        job = retrying.retry(find(request, job_id), section)
        return Response({**shapes.accepted(job), "section": section}, status=202)


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
