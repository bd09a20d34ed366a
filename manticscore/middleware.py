"""What happens around every request: an id, JSON errors, refusal of input nobody should parse."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any, cast

from asgiref.sync import markcoroutinefunction, sync_to_async
from django.conf import settings
from django.contrib.auth import middleware as auth
from django.contrib.messages import middleware as messages
from django.contrib.sessions import middleware as sessions
from django.core.exceptions import BadRequest, PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError
from django.http.response import HttpResponseBase
from django.middleware import clickjacking, common, csrf, security
from django.utils.deprecation import MiddlewareMixin

from manticscore import errors, logs
from manticscore.accesslog import REQUEST, new_request_id

REQUEST_ID_HEADER = "X-Request-ID"
# What Django itself turns into 404, 403 and 400.
REFUSALS = (Http404, PermissionDenied, SuspiciousOperation, BadRequest, MultiPartParserError)
logger = logging.getLogger(__name__)

Next = Callable[[HttpRequest], Awaitable[HttpResponseBase]]


class AsyncMiddleware:
    """Base of our middleware. Async only, so that a request costs no thread hop for it."""

    async_capable = True
    sync_capable = False

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response
        markcoroutinefunction(self)  # type: ignore[type-var]  # its stub knows functions only


class InLoop(MiddlewareMixin):
    """Django crosses into a thread for the hooks of its own middleware; those below only see headers."""

    async def __acall__(self, request: HttpRequest) -> HttpResponseBase:
        response: HttpResponseBase | None = None
        if hasattr(self, "process_request"):
            response = self.process_request(request)
        response = response or await self.get_response(request)  # type: ignore[misc]
        if hasattr(self, "process_response"):
            return cast(HttpResponseBase, self.process_response(request, response))
        return response


class SecurityMiddleware(InLoop, security.SecurityMiddleware):
    pass


class CommonMiddleware(InLoop, common.CommonMiddleware):
    pass


class XFrameOptionsMiddleware(InLoop, clickjacking.XFrameOptionsMiddleware):
    pass


class StaffOnly(MiddlewareMixin):
    """Middleware of pages with cookies and forms. The API knows neither, and does not wait for it."""

    async def __acall__(self, request: HttpRequest) -> HttpResponseBase:
        if is_for_staff(request):
            return await super().__acall__(request)
        return await self.get_response(request)  # type: ignore[misc, no-any-return]


class SessionMiddleware(StaffOnly, sessions.SessionMiddleware):
    pass


class CsrfViewMiddleware(StaffOnly, csrf.CsrfViewMiddleware):
    async def process_view(  # type: ignore[override]  # Django takes both kinds
        self, request: HttpRequest, *view: Any
    ) -> HttpResponse | None:
        if is_for_staff(request):
            return await sync_to_async(super().process_view)(request, *view)
        return None


class AuthenticationMiddleware(StaffOnly, auth.AuthenticationMiddleware):
    pass


class MessageMiddleware(StaffOnly, messages.MessageMiddleware):
    pass


class RequestIdMiddleware(AsyncMiddleware):
    """Numbers the request; the id is ours alone, a client's own header is not trusted."""

    async def __call__(self, request: HttpRequest) -> HttpResponseBase:
        known = getattr(request, "scope", {}).get(REQUEST)
        if known is None:  # no server around us, as in tests
            known = logs.Request(new_request_id())
            logs.current.set(known)
        request.id = known.id  # type: ignore[attr-defined]
        response = await self.get_response(request)
        response[REQUEST_ID_HEADER] = request.id  # type: ignore[attr-defined]
        return response


class JsonErrorMiddleware(AsyncMiddleware):
    """Every error outside the admin is JSON, whoever raised it."""

    async def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = await self.get_response(request)
        if response.status_code < 400 or is_for_staff(request):
            return response
        if response.get("Content-Type", "").startswith("application/json"):
            return response
        replacement = errors.status_response(response.status_code, request.id)  # type: ignore[attr-defined]
        for header in ("Allow", "Retry-After", "WWW-Authenticate"):
            if header in response:
                replacement[header] = response[header]
        return replacement

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Called by Django with what a view raised."""
        if isinstance(exception, RequestDataTooBig):
            return errors.error_response(errors.PayloadTooLarge())
        known = errors.from_exception(exception)
        if known is not None:
            return errors.error_response(known)
        if isinstance(exception, REFUSALS) or is_for_staff(request):
            return None
        logger.error("unhandled exception in %s %s", request.method, request.path, exc_info=exception)
        return errors.status_response(500, request.id)  # type: ignore[attr-defined]


class RequestGuardMiddleware(AsyncMiddleware):
    """Refuses requests that no view should see."""

    async def __call__(self, request: HttpRequest) -> HttpResponseBase:
        try:
            check_request(request)
            measure_body(request)
        except errors.ApiError as error:
            return errors.error_response(error)
        return await self.get_response(request)


def is_for_staff(request: HttpRequest) -> bool:
    return request.path_info.startswith("/admin/")


def measure_body(request: HttpRequest) -> None:
    """Give a body that came in chunks the length that DRF wants to know; without one it sees no body."""
    if not request.META.get("CONTENT_LENGTH"):
        request.META["CONTENT_LENGTH"] = str(len(request.body))


def check_request(request: HttpRequest) -> None:
    """Raises the ApiError that a request deserves before any view runs."""
    if "\x00" in request.path_info or "%00" in request.META.get("QUERY_STRING", ""):
        raise errors.BadRequest("The URL contains a NUL character")
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not (length.isascii() and length.isdigit() and len(length) < 20):
        raise errors.BadRequest("Content-Length is not a number")
    if int(length) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
        raise errors.PayloadTooLarge()
    if request.META.get("HTTP_CONTENT_ENCODING", "identity").lower() != "identity":
        raise errors.UnsupportedMediaType("Content-Encoding is not supported")
