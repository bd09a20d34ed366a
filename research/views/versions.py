"""Answers to the same question over time, and how good they are."""

from __future__ import annotations

from uuid import UUID

from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import ratelimits
from accounts.http import AuthenticatedRequest
from manticscore import errors
from projects.views import validated
from research.actions import sharing
from research.models import ResearchJob
from research.results import differing, statistics
from research.serializers import research as shapes
from research.views.research import find

SHOWN = 50  # the newest


class VersionsView(APIView):
    """GET /research/{job_id}/versions"""

    def get(self, request: AuthenticatedRequest, job_id: UUID) -> Response:
        versions = ResearchJob.objects.versions_of(find(request, job_id)).defer("artifact")
        count = versions.count()
        newest = versions.order_by("-created_at", "-pk")[:SHOWN]
        return Response(
            {
                "job_id": str(job_id),
                "versions": [shapes.version(job, count - place) for place, job in enumerate(newest)],
            }
        )


class DiffView(APIView):
    """GET /research/{job_id}/diff"""

    def get(self, request: AuthenticatedRequest, job_id: UUID) -> Response:
        query = validated(shapes.DiffSerializer(data=request.query_params))
        after = sharing.completed(find(request, job_id))
        before = self.earlier(after, query.get("against"))
        difference = differing.diff(before.artifact or {}, after.artifact or {})
        return Response({"job_id": str(after.pk), "against": str(before.pk), **difference})

    def earlier(self, job: ResearchJob, against: UUID | None) -> ResearchJob:
        """The version to compare with. Raises NotFound for what is no other version of this research."""
        others = ResearchJob.objects.versions_of(job).exclude(pk=job.pk)
        if against is not None:
            others = others.filter(pk=against)
        else:
            others = others.filter(created_at__lte=job.created_at)
        found = others.order_by("-created_at", "-pk").first()
        if found is None:
            raise errors.NotFound()
        return found


class StatsView(APIView):
    """GET /research/stats"""

    def get(self, request: AuthenticatedRequest) -> Response:
        ratelimits.check(ratelimits.RESEARCH_STATS, request)
        return Response(statistics.quality(request.user.pk))
