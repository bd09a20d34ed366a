"""A project and its first research in one step."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.db import transaction
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import ratelimits
from accounts.http import AuthenticatedRequest
from accounts.idempotency import idempotent
from projects import actions as projects
from projects import serializers as project_shapes
from projects.views import validated
from research.serializers.projects import ProjectResearchSerializer
from research.views import starting


class ProjectResearchView(APIView):
    """POST /projects/research"""

    def post(self, request: AuthenticatedRequest) -> Response:
        wait = starting.seconds_to_wait(ratelimits.START_RESEARCH, request)
        body = validated(ProjectResearchSerializer(data=request.data))
        return idempotent(request, "POST /projects/research", lambda: self.create(request, body, wait))

    @transaction.atomic
    def create(self, request: AuthenticatedRequest, body: dict[str, Any], wait: int) -> Response:
        project = projects.create(owner_id=request.user.pk, **body["project"]).project
        question = replace(body["question"], project_id=project.pk)
        response = starting.ask(request, question, wait)
        response.data["project_id"] = str(project.pk)
        response.data["project"] = project_shapes.project(project)
        return response
