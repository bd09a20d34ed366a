"""Evidence over HTTP: whether it still stands."""

from __future__ import annotations

from uuid import UUID

from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import ratelimits
from accounts.http import AuthenticatedRequest
from research.actions import rechecking
from research.models import FeatureResearchJob, ResearchJob
from research.views import feature_research, research


class RecheckView(APIView):
    """POST /research/{job_id}/evidence/recheck"""

    def post(self, request: AuthenticatedRequest, job_id: UUID) -> Response:
        ratelimits.check(ratelimits.RECHECK_EVIDENCE, request)
        return accepted(research.find(request, job_id))


class FeatureRecheckView(APIView):
    """POST /feature-research/{job_id}/evidence/recheck"""

    def post(self, request: AuthenticatedRequest, feature_research_id: UUID) -> Response:
        ratelimits.check(ratelimits.RECHECK_EVIDENCE, request)
        return accepted(feature_research.find(request, feature_research_id, with_artifact=True))


def accepted(job: ResearchJob | FeatureResearchJob) -> Response:
    """How many sources are going to be looked at. What is found, their evidence rows tell."""
    return Response({"job_id": str(job.pk), "sources": rechecking.start(job)}, status=202)
