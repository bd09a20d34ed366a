"""What the month allows and what was used."""

from __future__ import annotations

from typing import Any

from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import credits, ratelimits
from accounts.http import AuthenticatedRequest


class UsageView(APIView):
    """GET /v1/usage"""

    def get(self, request: AuthenticatedRequest) -> Response:
        ratelimits.check(ratelimits.USAGE, request)
        return Response(shape(credits.usage(request.user.id)))


def shape(usage: credits.Usage) -> dict[str, Any]:
    tier = usage.tier
    return {
        "period": {
            "key": usage.month.key,
            "resets_at": usage.month.ends_at.isoformat().replace("+00:00", "Z"),
        },
        "tier": {
            "id": usage.plan,
            "product_id": None,  # plans are set by staff; no shop is connected
            "caps": {
                "questions": tier.questions,
                "tts_minutes": float(tier.tts_minutes),
                "credits": usage.credits_total,
            },
        },
        "used": {
            "questions": usage.questions,
            "tts_seconds": usage.tts_seconds,
            "credits": usage.credits,
        },
        "remaining": {
            "questions": max(0, tier.questions - usage.questions),
            "tts_minutes": max(0.0, round(tier.tts_minutes - usage.tts_seconds / 60, 2)),
            "credits": usage.credits_left,
        },
        # Of a call whose end nobody knows, the most it can have been.
        "language_models": {
            "calls": usage.language_models.calls,
            "tokens_in": usage.language_models.tokens_in,
            "tokens_out": usage.language_models.tokens_out,
            "cost_micro_usd": usage.language_models.micro_usd,
        },
    }
