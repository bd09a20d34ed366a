"""The routes of the server for comparison: ours, a view that does nothing, and a tutorial's view."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed, NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import Principal, Session
from accounts.sessions import digest
from manticscore.urls import handler400, handler403, handler404, handler500, urlpatterns
from manticscore.views import json_response
from research.models import ResearchJob
from research.serializers import research as shapes

__all__ = ["handler400", "handler403", "handler404", "handler500", "urlpatterns"]


async def bare(request: HttpRequest) -> HttpResponse:
    """No token, no database: what the server costs."""
    return json_response({"status": "ok"})


class TutorialAuthentication(BaseAuthentication):
    """A token looked up by the ORM."""

    def authenticate(self, request: Request) -> tuple[Principal, Session]:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        sessions: Any = Session.objects.select_related("principal")
        session: Session | None = sessions.filter(
            token_digest=digest(token), revoked_at=None, expires_at__gt=timezone.now()
        ).first()
        if session is None:
            raise AuthenticationFailed
        return session.principal, session


class TutorialView(APIView):
    """The same answer as GET /research/{job_id}/status."""

    authentication_classes = (TutorialAuthentication,)

    def get(self, request: Request, job_id: UUID) -> Response:
        jobs: Any = ResearchJob.objects.select_related("stream").defer("artifact")
        job: ResearchJob | None = jobs.filter(pk=job_id, owner=request.user).first()
        if job is None:
            raise NotFound
        return Response(shapes.status(job))


urlpatterns = [
    path("bench/bare", bare),
    path("bench/tutorial/<uuid:job_id>", TutorialView.as_view()),
    *urlpatterns,
]
