"""Every error a client can meet, as one tree.

    ApiError                          status  code
    ├── BadRequest                    400     BAD_REQUEST         structurally broken input
    ├── Unauthorized                  401     UNAUTHORIZED
    │   ├── MissingToken
    │   ├── TokenExpired
    │   └── InvalidToken
    ├── Forbidden                     403     FORBIDDEN           something must be connected or allowed first
    ├── NotFound                      404     NOT_FOUND           absent or somebody else's
    ├── Conflict                      409     CONFLICT
    ├── PayloadTooLarge               413     PAYLOAD_TOO_LARGE
    ├── UnsupportedMediaType          415     UNSUPPORTED_MEDIA_TYPE
    ├── Unprocessable                 422     UNPROCESSABLE       a field's value is invalid
    ├── TooManyRequests               429     TOO_MANY_REQUESTS   carries retry_after
    ├── BadGateway                    502     BAD_GATEWAY         a service that was needed failed
    ├── Unavailable                   503     UNAVAILABLE         carries retry_after
    └── BridgeInvariantViolated       500     BRIDGE_INVARIANT_VIOLATED  the one detail with a code in it
    PipelineError                     (in a stream: code, retryable, extra data)
    ├── EmptyInput                    EMPTY_INPUT
    ├── EmptyOutput                   EMPTY_OUTPUT                carries evidence_count
    ├── ModelEmptyDespiteEvidence     MODEL_EMPTY_DESPITE_EVIDENCE  carries evidence_count
    ├── BudgetExceeded                BUDGET_EXCEEDED
    ├── Cancelled                     CANCELLED
    ├── LlmError                      LLM_UNAVAILABLE             its kinds: see clients/llm/errors.py
    ├── TemplateGone                  TEMPLATE_GONE               of build graphs: see buildgraphs/drafting.py
    ├── ServiceError                  SERVICE_UNAVAILABLE         its kinds: see clients/services.py
    ├── WorkerCrashed                 WORKER_CRASHED
    └── InternalError                 INTERNAL_ERROR

The HTTP body is always `{"detail": ...}` (spec: errors); in a stream it is an `error` event.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, TypeVar

import django.db
import psycopg
from django.http import HttpRequest, HttpResponse, JsonResponse
from rest_framework import exceptions as drf
from rest_framework.response import Response
from rest_framework.views import exception_handler as drf_exception_handler
from rest_framework.views import set_rollback

logger = logging.getLogger(__name__)
# Django's, and the driver's own from the event hub, which works without the ORM.
DATABASE_GONE = (
    django.db.OperationalError,
    django.db.InterfaceError,
    psycopg.OperationalError,
    psycopg.InterfaceError,
)
R = TypeVar("R", JsonResponse, Response)


class ApiError(Exception):
    """An answer other than success. The docstring is the default detail."""

    status = 500
    code = "INTERNAL_ERROR"

    def __init__(self, detail: str = "", *, retry_after: int | None = None) -> None:
        self.detail = detail or (type(self).__doc__ or "").strip()
        self.retry_after = retry_after
        super().__init__(self.detail)

    @property
    def body(self) -> dict[str, Any]:
        """The answer's JSON."""
        return {"detail": self.detail}


class BadRequest(ApiError):
    """Bad request"""

    status = 400
    code = "BAD_REQUEST"


class Unauthorized(ApiError):
    """Unauthorized"""

    status = 401
    code = "UNAUTHORIZED"


class MissingToken(Unauthorized):
    """Missing Bearer token"""


class TokenExpired(Unauthorized):
    """Token expired"""


class InvalidToken(Unauthorized):
    """Invalid token: unknown session"""


class Forbidden(ApiError):
    """Forbidden"""

    status = 403
    code = "FORBIDDEN"


class NotFound(ApiError):
    """Not found"""

    status = 404
    code = "NOT_FOUND"


class Conflict(ApiError):
    """Conflict"""

    status = 409
    code = "CONFLICT"


class PayloadTooLarge(ApiError):
    """Payload too large"""

    status = 413
    code = "PAYLOAD_TOO_LARGE"


class UnsupportedMediaType(ApiError):
    """Unsupported media type"""

    status = 415
    code = "UNSUPPORTED_MEDIA_TYPE"


class Unprocessable(ApiError):
    """Unprocessable"""

    status = 422
    code = "UNPROCESSABLE"


class TooManyRequests(ApiError):
    """Too many requests"""

    status = 429
    code = "TOO_MANY_REQUESTS"


class BadGateway(ApiError):
    """Bad gateway"""

    status = 502
    code = "BAD_GATEWAY"


class Unavailable(ApiError):
    """Service unavailable"""

    status = 503
    code = "UNAVAILABLE"


class BridgeInvariantViolated(ApiError):
    """Could not create project for this idea. Please retry."""

    status = 500
    code = "BRIDGE_INVARIANT_VIOLATED"

    @property
    def body(self) -> dict[str, Any]:
        return {"detail": {"code": self.code, "message": self.detail}}


class PipelineError(Exception):
    """A run that ends with an `error` event. The docstring is the default message."""

    code = "INTERNAL_ERROR"
    retryable = False

    def __init__(self, message: str = "", **data: Any) -> None:
        self.message = message or " ".join((type(self).__doc__ or "").split())
        self.data = data
        super().__init__(self.message)

    @property
    def told(self) -> dict[str, Any]:
        """Data of the `error` event (spec: errors, streaming errors)."""
        return {"message": self.message, "code": self.code, "retryable": self.retryable, **self.data}


class EmptyInput(PipelineError):
    """The idea is empty. Describe a product in a sentence."""

    code = "EMPTY_INPUT"


class EmptyOutput(PipelineError):
    """Nothing could be found for this idea. Describe a more specific product."""

    code = "EMPTY_OUTPUT"


class ModelEmptyDespiteEvidence(PipelineError):
    """The sources were read, but no products or features could be taken from them. Rephrase the idea as a
    specific product or feature."""

    code = "MODEL_EMPTY_DESPITE_EVIDENCE"


class BudgetExceeded(PipelineError):
    """The run used up its time before it could finish."""

    code = "BUDGET_EXCEEDED"
    retryable = True


class Cancelled(PipelineError):
    """The run was cancelled."""

    code = "CANCELLED"


class WorkerCrashed(PipelineError):
    """The worker died repeatedly while it was running this job."""

    code = "WORKER_CRASHED"
    retryable = True


class InternalError(PipelineError):
    """Something went wrong on our side."""

    code = "INTERNAL_ERROR"
    retryable = True


STATUS_DETAILS: Mapping[int, str] = {
    400: "Bad request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not found",
    405: "Method not allowed",
    406: "Not acceptable",
    408: "Request timeout",
    413: "Payload too large",
    414: "URI too long",
    415: "Unsupported media type",
    429: "Too many requests",
    431: "Request header fields too large",
    500: "Internal server error",
    502: "Bad gateway",
    503: "Service unavailable",
    505: "HTTP version not supported",
}


def error_response(error: ApiError) -> JsonResponse:
    """The one HTTP form of an ApiError."""
    return _with_headers(_json(error.body, error.status), error)


def _json(body: dict[str, Any], status: int) -> JsonResponse:
    """The same bytes as DRF's renderer makes of it."""
    compact = {"separators": (",", ":"), "ensure_ascii": False}
    return JsonResponse(body, status=status, json_dumps_params=compact)


def _with_headers(response: R, error: ApiError) -> R:
    if isinstance(error, Unauthorized):
        response["WWW-Authenticate"] = "Bearer"
    if error.retry_after is not None:
        response["Retry-After"] = str(max(1, error.retry_after))
    return response


def status_response(status: int, request_id: str) -> JsonResponse:
    """The JSON body for a bare status, as when Django itself refuses a request."""
    body = {"detail": STATUS_DETAILS.get(status, "Error")}
    if status == 500:
        body["request_id"] = request_id
    return _json(body, status)


def from_exception(error: BaseException) -> ApiError | None:
    """What an exception means to a client; None when it is a defect of ours."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, DATABASE_GONE):
        return Unavailable("The database is not reachable. Retry in a few seconds.", retry_after=2)
    return None


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's hook: our errors as they are, DRF's own in the contract's form."""
    known = from_exception(error)
    if known is not None:
        set_rollback()
        return _with_headers(Response(known.body, status=known.status), known)
    if isinstance(error, drf.ValidationError):
        set_rollback()
        return Response({"detail": first_message(error.detail)}, status=422)
    response = drf_exception_handler(error, context)
    if response is not None:
        response.data = {
            "detail": str(getattr(error, "detail", "")) or STATUS_DETAILS.get(response.status_code)
        }
        if response.status_code == 404:
            response.data = {"detail": NotFound().detail}
    return response


def first_message(detail: Any) -> str:
    """The first of DRF's nested validation messages as one string, with the field's path."""
    if isinstance(detail, Mapping):
        field, inner = next(iter(detail.items()))
        message = first_message(inner)
        known = field == "non_field_errors" or message.startswith(str(field))
        return message if known else f"{field}: {message}"
    if isinstance(detail, list):
        # Of many items, those without an error have an empty place.
        return first_message(next(item for item in detail if item))
    return str(detail)


def handle_400(request: HttpRequest, exception: Exception) -> HttpResponse:
    return JsonResponse({"detail": STATUS_DETAILS[400]}, status=400)


def handle_403(request: HttpRequest, exception: Exception) -> HttpResponse:
    return JsonResponse({"detail": STATUS_DETAILS[403]}, status=403)


def handle_404(request: HttpRequest, exception: Exception) -> HttpResponse:
    return error_response(NotFound())


def handle_500(request: HttpRequest) -> HttpResponse:
    return status_response(500, getattr(request, "id", ""))
