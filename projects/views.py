"""Projects over HTTP."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import ratelimits
from accounts.http import AuthenticatedRequest
from manticscore import errors
from projects import actions, clips, home, pages, public, publicpage, search
from projects import serializers as shapes
from projects.models import Project


class ProjectsView(APIView):
    """GET and POST /projects"""

    def get(self, request: AuthenticatedRequest) -> Response:
        query = validated(shapes.ListSerializer(data=request.query_params))
        own = Project.objects.owned_by(request.user.pk)
        found, following = pages.page(own, query.get("cursor"), query["limit"])
        return Response(
            {
                "projects": [shapes.project(project) for project in found],
                "next_cursor": str(following) if following else None,
            }
        )

    def post(self, request: AuthenticatedRequest) -> Response:
        """201 for a new project, 200 for the one that has this idea already."""
        ratelimits.check(ratelimits.CREATE_PROJECT, request)
        body = validated(shapes.ProjectSerializer(data=request.data))
        created = actions.create(owner_id=request.user.pk, **body)
        return Response(shapes.project(created.project), status=201 if created.is_new else 200)


class ProjectView(APIView):
    """GET, PATCH and DELETE /projects/{project_id}"""

    def get(self, request: AuthenticatedRequest, project_id: UUID) -> Response:
        return Response(shapes.detail(find(request, project_id)))

    def patch(self, request: AuthenticatedRequest, project_id: UUID) -> Response:
        project = find(request, project_id)
        changes = validated(shapes.ChangesSerializer(data=request.data))
        return Response(shapes.detail(actions.update(project, changes)))

    def delete(self, request: AuthenticatedRequest, project_id: UUID) -> Response:
        actions.delete(find(request, project_id))
        return Response(status=204)


class HomeView(APIView):
    """GET /projects/{project_id}/home"""

    def get(self, request: AuthenticatedRequest, project_id: UUID) -> Response:
        found = home.home(request.user.pk, project_id)
        return Response({**found, "project": shapes.detail(found["project"])})


class PublishView(APIView):
    """POST /projects/{project_id}/publish: publish, or change what is shown."""

    def post(self, request: AuthenticatedRequest, project_id: UUID) -> Response:
        project = find(request, project_id)
        body = validated(shapes.PublishSerializer(data=request.data))
        return Response(shapes.publication(actions.publish(project, body["public_options"])))


class UnpublishView(APIView):
    """POST /projects/{project_id}/unpublish"""

    def post(self, request: AuthenticatedRequest, project_id: UUID) -> Response:
        return Response(shapes.publication(actions.unpublish(find(request, project_id))))


class SearchView(APIView):
    """GET /projects/search"""

    def get(self, request: AuthenticatedRequest) -> Response:
        ratelimits.check(ratelimits.SEARCH, request)
        query = validated(shapes.SearchSerializer(data=request.query_params))
        return Response(search.search(request.user.pk, query["q"], query["limit"]))


def find(request: AuthenticatedRequest, project_id: UUID) -> Project:
    """The caller's own project. Somebody else's is as absent as one that never was."""
    project = Project.objects.owned_by(request.user.pk).filter(pk=project_id).first()
    if project is None:
        raise errors.NotFound()
    return project


def validated(serializer: Any) -> dict[str, Any]:
    serializer.is_valid(raise_exception=True)
    values: dict[str, Any] = serializer.validated_data
    return values


class PublicProjectView(APIView):
    """GET /public/p/{slug}: a published project, as a page or as JSON."""

    authentication_classes = ()
    permission_classes = ()

    def get(self, request: Request, slug: str) -> HttpResponseBase:
        ratelimits.check(ratelimits.PUBLIC_PROJECT, request, page=slug)
        return publicpage.answer(request, public.page(public.find(slug)), publicpage.project)


class ClipView(APIView):
    """GET /clip/{slug}: what somebody shared, as a page or as JSON."""

    authentication_classes = ()
    permission_classes = ()

    def get(self, request: Request, slug: str) -> HttpResponseBase:
        ratelimits.check(ratelimits.PUBLIC_CLIP, request)
        return publicpage.answer(request, clips.page(clips.find(slug)), publicpage.clip)
