"""Health endpoints, and how asynchronous views answer."""

from __future__ import annotations

import json
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

WORKER_ALIVE = """
    SELECT EXISTS (SELECT 1 FROM procrastinate_workers
                   WHERE last_heartbeat > now() - make_interval(secs => %s))
"""


def json_response(data: Any) -> HttpResponse:
    """The same bytes as DRF's renderer makes of it."""
    body = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return HttpResponse(body, content_type="application/json")


@require_safe
async def healthz(request: HttpRequest) -> JsonResponse:
    """The process is up."""
    return JsonResponse({"status": "ok"})


@require_safe
async def readyz(request: HttpRequest) -> JsonResponse:
    """Requests and jobs are served: the database answers and a worker is alive."""
    problem = await sync_to_async(readiness_problem)()
    if problem:
        return JsonResponse({"detail": problem}, status=503)
    return JsonResponse({"status": "ready"})


def readiness_problem() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute(WORKER_ALIVE, [settings.JOB_STALLED_AFTER])
            (alive,) = cursor.fetchone()
    except DatabaseError:
        return "The database does not answer"
    return "" if alive else "No worker is running"
