"""Third-party keys over HTTP. They go in and are never given out."""

from __future__ import annotations

from typing import Any

from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import vault
from accounts.http import AuthenticatedRequest
from accounts.models import Secret
from accounts.permissions import IsSignedIn
from accounts.serializers import SecretsSerializer


class SecretsView(APIView):
    """GET and PUT /secrets"""

    permission_classes = (IsSignedIn,)

    def get(self, request: AuthenticatedRequest) -> Response:
        return Response(shape(vault.masks(request.user.id)))

    def put(self, request: AuthenticatedRequest) -> Response:
        body = SecretsSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        vault.put(request.user.id, body.validated_data)
        return Response(shape(vault.masks(request.user.id)))


def shape(masks: dict[str, str]) -> dict[str, Any]:
    return {
        **{kind: masks.get(kind) for kind in Secret.Kind.values},
        "has_github_pat": Secret.Kind.GITHUB_PAT in masks,
        "has_anthropic_key": Secret.Kind.ANTHROPIC_API_KEY in masks,
        "has_openai_key": Secret.Kind.OPENAI_API_KEY in masks,
    }
