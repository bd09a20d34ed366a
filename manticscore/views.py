"""Whether the process lives, and how asynchronous views answer."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe


def json_response(data: Any) -> HttpResponse:
    """The same bytes as DRF's renderer makes of it."""
    body = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return HttpResponse(body, content_type="application/json")


@require_safe
async def healthz(request: HttpRequest) -> JsonResponse:
    """The process is up. Nothing else is asked: a probe that fails restarts it, which mends no database."""
    return JsonResponse({"status": "ok"})
