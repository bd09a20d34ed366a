"""Product analytics: the one thing we tell PostHog, that two ids are the same person.

Only the two ids leave this installation, never what the person did.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import httpx

TIMEOUT = httpx.Timeout(10.0, connect=3.0)
TRANSIENT_STATUSES = frozenset({408, 429})


class AnalyticsError(Exception):
    """The message was not accepted. `permanent`: it will not be, however often it is sent."""

    def __init__(self, message: str, *, permanent: bool = False, retry_after: int | None = None) -> None:
        self.permanent = permanent
        self.retry_after = retry_after
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Alias:
    """`anonymous_id` was `user_id` all along. The same `id` and `timestamp` every time it is sent."""

    id: str
    user_id: str
    anonymous_id: str
    timestamp: str


class Analytics(Protocol):
    def alias(self, alias: Alias) -> None:
        """Deliver it. Raises AnalyticsError."""


class PostHog:
    """PostHog's HTTP API. Its own Python client keeps events in memory and drops failures silently."""

    def __init__(self, host: str, key: str) -> None:
        self._url = f"{host.rstrip('/')}/batch/"
        self._key = key

    def alias(self, alias: Alias) -> None:
        try:
            # The answer's body says nothing we use and could be of any size: it is not read.
            with httpx.stream("POST", self._url, json=self._body(alias), timeout=TIMEOUT) as response:
                check(response)
        except httpx.HTTPError as error:
            raise AnalyticsError(f"PostHog is not reachable: {type(error).__name__}") from error

    def _body(self, alias: Alias) -> dict[str, Any]:
        # PostHog keeps the person of `distinct_id` and adds `alias` to it; it refuses an alias that is a
        # signed-in person already. Its Python client names the two the other way round.
        event = {
            "event": "$create_alias",
            "uuid": alias.id,
            "timestamp": alias.timestamp,
            "distinct_id": alias.user_id,
            "properties": {"distinct_id": alias.user_id, "alias": alias.anonymous_id},
        }
        return {"api_key": self._key, "batch": [event]}


def check(response: httpx.Response) -> None:
    """Raises AnalyticsError unless the answer is a success."""
    status = response.status_code
    if 200 <= status < 300:
        return
    permanent = 400 <= status < 500 and status not in TRANSIENT_STATUSES
    wait = response.headers.get("Retry-After", "")
    raise AnalyticsError(
        f"PostHog answered {status}", permanent=permanent, retry_after=int(wait) if wait.isdecimal() else None
    )


@dataclass(slots=True)
class ScriptedAnalytics:
    """For tests and work without a network: keeps what it is given, fails as it is told to."""

    failures: list[AnalyticsError] = field(default_factory=list)
    sent: list[Alias] = field(default_factory=list)

    def alias(self, alias: Alias) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.sent.append(alias)
