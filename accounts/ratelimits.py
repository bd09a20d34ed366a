"""All rate limits by name, on django-ratelimit's counters (api: rate limits).

A limit counts in fixed windows of the shared cache. When that cache is away, limits on cheap reads let
everybody pass; limits on signing in and on paid work go on at a lower rate, counted in this process.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Literal

from django.conf import settings
from django.http import HttpRequest
from django_ratelimit.core import get_usage
from redis import RedisError
from rest_framework.request import Request

from accounts import devices
from manticscore import errors
from manticscore.lib import clientip

PERIODS = {"m": 60, "h": 3600}
CACHE_REST = 2.0  # seconds before a cache that failed is asked again
FALLBACK_SHARE = 5  # without the shared counters, a fifth of the limit per process
MAX_LOCAL_KEYS = 10_000
MAX_OPEN_STREAMS = 10

logger = logging.getLogger(__name__)


class Guards(Enum):
    """What a limit protects, which decides what happens when nobody can count."""

    READ = "read"
    ACCOUNT = "account"
    PAID = "paid"


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `rate` (count/period) per subject: a client's network, a principal, a device, a page."""

    name: str
    rate: str
    per: Literal["ip", "user", "device", "ip and page"]
    guards: Guards = Guards.ACCOUNT

    @property
    def count(self) -> int:
        return int(self.rate.partition("/")[0])

    @property
    def period(self) -> int:
        return PERIODS[self.rate.partition("/")[2]]


ANONYMOUS_SESSION = Limit("anonymous_session", "10/m", "ip", Guards.ACCOUNT)
ANONYMOUS_DEVICE = Limit("anonymous_device", "5/h", "device", Guards.ACCOUNT)
SIGN_IN = Limit("sign_in", "30/m", "user", Guards.ACCOUNT)
REBIND = Limit("rebind", "10/h", "user", Guards.ACCOUNT)
USAGE = Limit("usage", "120/m", "user", Guards.READ)
START_RESEARCH = Limit("start_research", "10/m", "user", Guards.PAID)
START_BUILD = Limit("start_build", "10/m", "user", Guards.PAID)
START_FEATURE_RESEARCH = Limit("start_feature_research", "5/m", "user", Guards.PAID)
RETRY_SECTION = Limit("retry_section", "10/m", "user", Guards.PAID)
IDEAS = Limit("ideas", "20/m", "user", Guards.PAID)
CARD_IDEAS = Limit("card_ideas", "20/m", "user", Guards.PAID)
FEATURE_SELECTION = Limit("feature_selection", "10/m", "user", Guards.PAID)
RESEARCH_STATS = Limit("research_stats", "30/m", "user", Guards.ACCOUNT)
CREATE_PROJECT = Limit("create_project", "20/m", "user", Guards.PAID)
SEARCH = Limit("search", "30/m", "user", Guards.PAID)
RECHECK_EVIDENCE = Limit("recheck_evidence", "10/h", "user", Guards.PAID)
PDF = Limit("pdf", "20/m", "user", Guards.ACCOUNT)
SHIP = Limit("ship", "10/m", "user", Guards.ACCOUNT)
# Of routes that are still to come.
CHAT = Limit("chat", "20/m", "user", Guards.PAID)
START_FORGE = Limit("start_forge", "10/m", "user", Guards.PAID)
TOAST_BOOTSTRAP = Limit("toast_bootstrap", "30/m", "user", Guards.ACCOUNT)
PUBLIC_CLIP = Limit("public_clip", "30/m", "ip", Guards.READ)
PUBLIC_PROJECT = Limit("public_project", "60/m", "ip and page", Guards.READ)
PUBLIC_COMPANY = Limit("public_company", "60/m", "ip and page", Guards.READ)

Counted = tuple[Limit, str]


def check(limit: Limit, request: Request, page: str = "") -> None:
    """Count one call. Raises TooManyRequests whose Retry-After is honest: wait it out and be served."""
    check_all([(limit, subject(limit, request, page))])


def check_anonymous(request: Request, device_id: str) -> None:
    """Count one anonymous session against the client's network and against the device."""
    device = devices.device_digest(device_id).hex()
    check_all([(ANONYMOUS_SESSION, client_network(request)), (ANONYMOUS_DEVICE, device)])


def check_all(counted: Sequence[Counted]) -> None:
    """Count one call against several limits; one that is refused by the first is not held against the next.

    Retry-After covers every limit that has no room left, not only the one that refused.
    """
    if not settings.RATELIMIT_ENABLE:
        return
    for limit, who in counted:
        if usage(limit, who, increment=True).exceeded:
            used = [usage(*each, increment=False) for each in counted]
            raise errors.TooManyRequests(retry_after=max([each.wait for each in used if each.full] or [1]))


def subject(limit: Limit, request: Request, page: str = "") -> str:
    """Who is counted."""
    if limit.per == "user":
        return str(request.user.pk)
    return f"{client_network(request)} {page}".strip()


def client_network(request: Request) -> str:
    peer = request.META.get("REMOTE_ADDR") or ""
    forwarded_for = request.META.get("HTTP_X_FORWARDED_FOR") or ""
    return clientip.network(clientip.client_ip(peer, forwarded_for, settings.TRUSTED_PROXIES))


@dataclass(frozen=True, slots=True)
class Usage:
    """A limit's state: calls counted in the window, how many it allows, seconds until the next window."""

    count: int
    allowed: int
    wait: int

    @property
    def exceeded(self) -> bool:
        return self.count > self.allowed

    @property
    def full(self) -> bool:
        return self.count >= self.allowed


def usage(limit: Limit, who: str, *, increment: bool) -> Usage:
    """From the shared counters or, while they are away, as the limit's purpose asks."""
    if not _outage.is_on():
        try:
            return shared_usage(limit, who, increment=increment)
        except (RedisError, OSError, LostCount) as error:
            _outage.begin(error)
    if limit.guards is Guards.READ:
        return Usage(0, limit.count, 0)
    return _local.usage(limit, who, increment=increment)


class LostCount(Exception):
    """The counter's entry went away between two looks at it."""


def shared_usage(limit: Limit, who: str, *, increment: bool) -> Usage:
    used = get_usage(
        HttpRequest(), group=limit.name, key=lambda *_: who, rate=limit.rate, increment=increment
    )
    if used is None or used["limit"] == 0:
        raise LostCount(limit.name)
    # A window still counts during the second in which it ends.
    return Usage(used["count"], used["limit"], used["time_left"] + 1)


class Outage:
    """Remembers that the shared cache failed, so that not every request waits for its timeout."""

    def __init__(self) -> None:
        self._until = 0.0

    def is_on(self) -> bool:
        return time.monotonic() < self._until

    def begin(self, error: Exception) -> None:
        self._until = time.monotonic() + CACHE_REST
        logger.warning("rate limits cannot be counted in the shared cache: %r", error)


class LocalCounters:
    """Fixed windows in this process's memory, for a fifth of what the limit allows."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, str, int]] = Counter()

    def usage(self, limit: Limit, who: str, *, increment: bool) -> Usage:
        now = time.time()
        window = int(now // limit.period)
        key = (limit.name, who, window)
        with self._lock:
            if len(self._counts) >= MAX_LOCAL_KEYS and key not in self._counts:
                self._forget()
            if increment:
                self._counts[key] += 1
            count = self._counts[key]
        return Usage(count, max(1, limit.count // FALLBACK_SHARE), int((window + 1) * limit.period - now) + 1)

    def _forget(self) -> None:
        """Make room: the small counts go, so that whoever is over a limit stays over it."""
        self._counts = Counter(dict(self._counts.most_common(MAX_LOCAL_KEYS // 2)))


class OpenStreams:
    """How many streams each principal holds open in this process."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._open: Counter[str] = Counter()

    def enter(self, principal_id: str) -> None:
        """Take one more, to be given back by `leave`. Raises TooManyRequests when all are taken."""
        if settings.RATELIMIT_ENABLE and self._open[principal_id] >= self._limit:
            raise errors.TooManyRequests(f"At most {self._limit} streams at a time", retry_after=1)
        self._open[principal_id] += 1

    def leave(self, principal_id: str) -> None:
        self._open[principal_id] -= 1
        if not self._open[principal_id]:
            del self._open[principal_id]


_outage = Outage()
_local = LocalCounters()
open_streams = OpenStreams(MAX_OPEN_STREAMS)
