"""What operators and their machines ask: can it serve, and how is it doing."""

from __future__ import annotations

import ipaddress
import secrets
from dataclasses import asdict

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from accounts import sessions
from manticscore import errors
from manticscore.lib import clientip
from manticscore.views import json_response
from realtime import exposition, health

# A proxy on this machine calls from loopback too, but on behalf of somebody.
FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Real-IP", "Via")


@require_safe
async def readyz(request: HttpRequest) -> HttpResponse:
    """GET /readyz: 503 when this process cannot serve requests; the body says why, and what else is amiss."""
    checks = await health.check()
    status = health.overall(checks)
    body = {"status": status, "checks": {name: asdict(check) for name, check in checks.items()}}
    if status != "unavailable":
        return json_response(body)
    response = json_response({"detail": errors.Unavailable().detail, **body})
    response.status_code = errors.Unavailable.status
    return response


@require_safe
async def metrics_page(request: HttpRequest) -> HttpResponse:
    """GET /metrics: for whoever has METRICS_TOKEN or, in debug mode without one, for this machine."""
    if settings.METRICS_TOKEN:
        check_token(sessions.bearer_token(request.headers.get("Authorization", "")))
    elif not (settings.METRICS_WITHOUT_TOKEN and is_from_this_machine(request)):
        raise errors.NotFound()
    return HttpResponse(await exposition.exposition(), content_type=exposition.CONTENT_TYPE)


def check_token(token: str) -> None:
    if not secrets.compare_digest(token.encode(), settings.METRICS_TOKEN.encode()):
        raise errors.InvalidToken("Invalid token: not the one of /metrics")


def is_from_this_machine(request: HttpRequest) -> bool:
    if any(name in request.headers for name in FORWARDED):
        return False
    address = clientip.parse(request.META.get("REMOTE_ADDR") or "")
    return bool(address) and ipaddress.ip_address(address).is_loopback
