"""All rate limits by name, on django-ratelimit's counters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from django.http import HttpRequest
from django_ratelimit.core import get_usage
from rest_framework.request import Request

from manticscore import errors


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `rate` (count/period) per key. `ip` groups IPv6 clients by their /64."""

    name: str
    rate: str
    key: Literal["ip", "user"]


ANONYMOUS_SESSION = Limit("anonymous_session", "10/m", "ip")
START_RESEARCH = Limit("start_research", "10/m", "user")


def check(limit: Limit, request: Request) -> None:
    """Count one call. Raises TooManyRequests whose Retry-After is honest: wait it out and be served."""
    http_request: HttpRequest = request._request
    if limit.key == "user":
        http_request.user = request.user
    usage = get_usage(http_request, group=limit.name, key=limit.key, rate=limit.rate, increment=True)
    if usage is not None and usage["should_limit"]:
        # A window still counts during the second in which it ends.
        raise errors.TooManyRequests(retry_after=int(usage["time_left"]) + 1)
