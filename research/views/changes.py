"""What happened since one last looked."""

from __future__ import annotations

from uuid import UUID

from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.http import AuthenticatedRequest
from manticscore import errors
from projects.models import Project
from research.results import history


class ProjectChangesView(APIView):
    """GET /projects/{project_id}/changes"""

    def get(self, request: AuthenticatedRequest, project_id: UUID) -> Response:
        if not Project.objects.owned_by(request.user.pk).filter(pk=project_id).exists():
            raise errors.NotFound()
        return Response(history.changes(request.user.pk, project_id))
