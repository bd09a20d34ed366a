"""A URLconf of views that fail in known ways, behind the real middleware and handlers."""

from __future__ import annotations

from typing import Any

import psycopg
from django.core.exceptions import BadRequest, PermissionDenied, SuspiciousOperation
from django.db import OperationalError, connections
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from manticscore import errors
from manticscore.urls import handler400, handler403, handler404, handler500
from manticscore.urls import urlpatterns as real_patterns

__all__ = ["handler400", "handler403", "handler404", "handler500"]
SECRET = "the password is hunter2"
RAISED: dict[str, Exception] = {
    "defect": RuntimeError(SECRET),
    "recursion": RecursionError(SECRET),
    "database": OperationalError(SECRET),
    "driver": psycopg.OperationalError(SECRET),
    "absent": Http404(SECRET),
    "forbidden": PermissionDenied(SECRET),
    "suspicious": SuspiciousOperation(SECRET),
    "broken": BadRequest(SECRET),
    "busy": errors.TooManyRequests(retry_after=12),
    "conflict": errors.Conflict("taken"),
}


def fail(request: HttpRequest, kind: str) -> HttpResponse:
    raise RAISED[kind]


async def fail_async(request: HttpRequest, kind: str) -> HttpResponse:
    raise RAISED[kind]


class FailView(APIView):
    authentication_classes = ()
    permission_classes = (AllowAny,)

    def get(self, request: Request, kind: str) -> Response:
        raise RAISED[kind]


def html(request: HttpRequest, status: int) -> HttpResponse:
    return HttpResponse(f"<h1>{SECRET}</h1>", status=status, headers={"Retry-After": "7"})


def unreachable(request: HttpRequest) -> HttpResponse:
    """Talks to a PostgreSQL that is not there."""
    with connections["unreachable"].cursor() as cursor:
        cursor.execute("SELECT 1")
    raise AssertionError("there is no such server")


class UnreachableView(APIView):
    authentication_classes = ()
    permission_classes = (AllowAny,)

    def get(self, request: Request) -> Any:
        return unreachable(request._request)


urlpatterns = [
    *real_patterns,
    path("plain/<str:kind>", fail),
    path("async/<str:kind>", fail_async),
    path("drf/<str:kind>", FailView.as_view()),
    path("html/<int:status>", html),
    path("unreachable/plain", unreachable),
    path("unreachable/drf", UnreachableView.as_view()),
]
