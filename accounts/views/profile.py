"""The caller's profile, and everything an app needs when it starts."""

from __future__ import annotations

from typing import Any

from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import credits, profiles, vault
from accounts.http import AuthenticatedRequest
from accounts.models import Profile, Secret
from accounts.serializers import AgentConfigSerializer, ProfileSerializer


class BootstrapView(APIView):
    """GET /auth/bootstrap: makes the profile at the first sign-in."""

    def get(self, request: AuthenticatedRequest) -> Response:
        owner_id = request.user.id
        profile = profiles.ensure(owner_id)
        usage = credits.usage(owner_id)
        stored = vault.masks(owner_id)
        return Response(
            {
                "profile": {"name": profile.name, "email": profile.email, **subscription(usage)},
                "subscription": subscription(usage),
                "secrets": {
                    "has_github_pat": Secret.Kind.GITHUB_PAT in stored,
                    "has_anthropic_key": Secret.Kind.ANTHROPIC_API_KEY in stored,
                },
            }
        )


class ProfileView(APIView):
    """GET and PUT /profile"""

    def get(self, request: AuthenticatedRequest) -> Response:
        return Response(shape(profiles.ensure(request.user.id)))

    def put(self, request: AuthenticatedRequest) -> Response:
        body = ProfileSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        return Response(shape(profiles.update(request.user.id, **body.validated_data)))


class AgentConfigView(APIView):
    """PATCH /profile/agent-config"""

    def patch(self, request: AuthenticatedRequest) -> Response:
        body = AgentConfigSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        return Response(profiles.configure_agent(request.user.id, body.validated_data))


def subscription(usage: credits.Usage) -> dict[str, Any]:
    return {"plan": usage.plan, "credits_used": usage.credits, "credits_total": usage.credits_total}


def shape(profile: Profile) -> dict[str, Any]:
    owner_id = profile.owner_id
    counted = ("tokens_in", "tokens_out", "api_calls", "research_count")
    return {
        "name": profile.name,
        "email": profile.email,
        **subscription(credits.usage(owner_id)),
        "project_count": profiles.count("project_count", owner_id),
        "usage": {name: profiles.count(name, owner_id) for name in counted},
        "agent_config": profile.agent_config,
    }
