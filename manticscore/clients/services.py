"""Services that are written to in somebody's name: one request, and what goes wrong as codes of a stream.

    ServiceError             retryable  code, after the service's name
    ├── NotConnected         no         ..._NOT_CONNECTED      there is no account to act with
    ├── TokenRejected        no         ..._TOKEN_REJECTED
    ├── AccessDenied         no         ..._ACCESS_DENIED      the account may not do this
    ├── Missing              no         ..._MISSING            absent, moved, or hidden from the account
    ├── RequestRejected      no         ..._REQUEST_REJECTED
    ├── RateLimited          yes        ..._RATE_LIMITED       carries retry_after; nothing was done
    └── Unavailable          yes        ..._UNAVAILABLE        it may have been done all the same

No message holds a token, a URL or text of an answer.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from manticscore import errors
from manticscore.clients import jsonapi, lookups

SECONDS = 15.0  # for a whole request
RETRY_AFTER = 60.0  # seconds, where a service does not say how long

T = TypeVar("T")


class ServiceError(errors.PipelineError):
    """{service} failed."""

    code = "SERVICE_UNAVAILABLE"  # of no service in particular
    suffix = "UNAVAILABLE"

    def __init__(self, service: str, message: str = "") -> None:
        super().__init__(message or " ".join((type(self).__doc__ or "").split()).format(service=service))
        self.code = f"{service.upper()}_{self.suffix}"


class NotConnected(ServiceError):
    """{service} is not connected."""

    suffix = "NOT_CONNECTED"


class TokenRejected(ServiceError):
    """{service} does not accept the stored token."""

    suffix = "TOKEN_REJECTED"


class AccessDenied(ServiceError):
    """The connected account may not do this on {service}."""

    suffix = "ACCESS_DENIED"


class Missing(ServiceError):
    """There is no such thing on {service}, or the connected account cannot see it."""

    suffix = "MISSING"


class RequestRejected(ServiceError):
    """{service} refuses the request."""

    suffix = "REQUEST_REJECTED"


class RateLimited(ServiceError):
    """{service} asks to wait before more is done."""

    suffix = "RATE_LIMITED"
    retryable = True

    def __init__(self, service: str, retry_after: float = RETRY_AFTER) -> None:
        super().__init__(service)
        self.retry_after = retry_after


class Unavailable(ServiceError):
    """{service} cannot be reached at the moment."""

    suffix = "UNAVAILABLE"
    retryable = True


REFUSALS: dict[int, type[ServiceError]] = {
    301: Missing,  # moved; a token goes where it was meant to go
    302: Missing,
    307: Missing,
    308: Missing,
    401: TokenRejected,
    403: AccessDenied,
    404: Missing,
    408: Unavailable,
    410: AccessDenied,  # switched off
    425: Unavailable,
    451: AccessDenied,
}


def ask(service: str, method: str, url: str, **request: Any) -> Any:
    """The JSON answer to a request of jsonapi. For threads without an event loop. Raises ServiceError."""
    try:
        return lookups.run(jsonapi.ask(method, url, **request))
    except jsonapi.ApiError as error:
        if error.status is None:
            raise Unavailable(service, f"{service}: {error}") from None
        raise refused(service, error.status, error.headers) from None


def refused(service: str, status: int, headers: Mapping[str, str]) -> ServiceError:
    """What a status other than success means."""
    if status == 429 or (status == 403 and is_limit(headers)):
        return RateLimited(service, wait(headers))
    if status >= 500:
        return Unavailable(service, f"{service} answered {status}")
    kind = REFUSALS.get(status)
    return kind(service) if kind else RequestRejected(service, f"{service} refuses the request ({status})")


def is_limit(headers: Mapping[str, str]) -> bool:
    """Whether a 403 means to come back later rather than never."""
    return "retry-after" in headers or headers.get("x-ratelimit-remaining") == "0"


def wait(headers: Mapping[str, str]) -> float:
    """Seconds until the service wants to be asked again."""
    if headers.get("retry-after", "").isdecimal():
        return float(headers["retry-after"])
    if headers.get("x-ratelimit-reset", "").isdecimal():
        return max(1.0, float(headers["x-ratelimit-reset"]) - time.time())
    return RETRY_AFTER


def understood(service: str, read: Callable[[Any], T], answer: Any) -> T:
    """Raises Unavailable for an answer of another shape."""
    try:
        return read(answer)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        raise Unavailable(service, f"{service}'s answer is not understood") from None
