"""Research for others: a link, and a document."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import ratelimits
from accounts.http import AuthenticatedRequest
from projects import clips
from research.actions import sharing
from research.results import report
from research.views.research import find


class ShareView(APIView):
    """POST and DELETE /research/{job_id}/share"""

    def post(self, request: AuthenticatedRequest, job_id: UUID) -> Response:
        return Response(clips.told(sharing.share(find(request, job_id))))

    def delete(self, request: AuthenticatedRequest, job_id: UUID) -> Response:
        sharing.unshare(find(request, job_id))
        return Response(status=204)


class PdfView(APIView):
    """GET /research/{job_id}/pdf"""

    def get(self, request: AuthenticatedRequest, job_id: UUID) -> HttpResponse:
        job = sharing.completed(find(request, job_id))
        ratelimits.check(ratelimits.PDF, request)
        response = HttpResponse(report.pdf(job), content_type="application/pdf")
        response["Content-Disposition"] = f'inline; filename="research-{job.pk}.pdf"'
        return response
