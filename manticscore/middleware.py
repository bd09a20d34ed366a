"""What happens around every request: an id, JSON errors, refusal of input nobody should parse."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Awaitable, Callable

from asgiref.sync import markcoroutinefunction
from django.conf import settings
from django.core.exceptions import BadRequest, PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError
from django.http.response import HttpResponseBase

from manticscore import errors
from manticscore.logs import request_id

REQUEST_ID_HEADER = "X-Request-ID"
# What Django itself turns into 404, 403 and 400.
REFUSALS = (Http404, PermissionDenied, SuspiciousOperation, BadRequest, MultiPartParserError)
logger = logging.getLogger(__name__)

Next = Callable[[HttpRequest], Awaitable[HttpResponseBase]]


def new_request_id() -> str:
    """16 hex characters, as the contract's samples have them."""
    return secrets.token_hex(8)


class AsyncMiddleware:
    """Base of our middleware. Async only, so that a request costs no thread hop for it."""

    async_capable = True
    sync_capable = False

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response
        markcoroutinefunction(self)  # type: ignore[type-var]  # its stub knows functions only


class RequestIdMiddleware(AsyncMiddleware):
    """Numbers the request; the id is ours alone, a client's own header is not trusted."""

    async def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request.id = new_request_id()  # type: ignore[attr-defined]
        request_id.set(request.id)  # type: ignore[attr-defined]
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
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise errors.UnsupportedMediaType("Content-Encoding is not supported")
