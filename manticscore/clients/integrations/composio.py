"""Composio's REST API, version 3."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from manticscore.clients import services

MAX_BYTES = 8 * 1024 * 1024
VERSION = "latest"  # of the toolkits; without it the API takes their first, which lack tools and arguments
WRAPPERS = ("data", "response_data")  # in which tools hand on the answer of their service


@dataclass(frozen=True, slots=True)
class Composio:
    """Composio with the operator's key. Users are known to it by the ids of their accounts here."""

    url: str
    key: str = field(repr=False)
    seconds: float = services.SECONDS

    def connected(self, user_id: str, toolkit: str) -> bool:
        params = {"user_ids": user_id, "toolkit_slugs": toolkit, "statuses": "ACTIVE", "limit": 10}
        answer = self._ask(toolkit, "GET", "connected_accounts", params=params)
        return services.understood(shown(toolkit), lambda found: is_among(found["items"], toolkit), answer)

    def execute(
        self,
        user_id: str,
        toolkit: str,
        tool: str,
        arguments: Mapping[str, Any],
        until: float | None = None,
    ) -> Any:
        body = {"user_id": user_id, "arguments": dict(arguments), "version": VERSION}
        try:
            answer = self._ask(toolkit, "POST", f"tools/execute/{tool}", body=body, until=until)
        except (services.RequestRejected, services.Missing):
            if not self.connected(user_id, toolkit):
                raise services.NotConnected(shown(toolkit)) from None
            raise
        return services.understood(shown(toolkit), lambda found: result(toolkit, found), answer)

    def _ask(self, toolkit: str, method: str, path: str, **request: Any) -> Any:
        url = f"{self.url.rstrip('/')}/api/v3/{path}"
        headers = {"x-api-key": self.key, "User-Agent": "ManticScore"}
        limits = {"seconds": self.seconds, "max_bytes": MAX_BYTES}
        try:
            return services.ask(shown(toolkit), method, url, headers=headers, **limits, **request)
        except services.TokenRejected:
            raise services.TokenRejected(shown(toolkit), "Composio does not accept the key") from None


def shown(toolkit: str) -> str:
    """The service's name."""
    return toolkit.capitalize()


def is_among(accounts: Any, toolkit: str) -> bool:
    """Filters that an API does not know are passed over by it; so the accounts are looked at too."""
    return any(each["status"] == "ACTIVE" and each["toolkit"]["slug"].lower() == toolkit for each in accounts)


def result(toolkit: str, answer: Any) -> Any:
    """What the tool gave, without its wrapping. Raises ServiceError when the service refused."""
    data = answer["data"]
    if answer["successful"] is not True:
        status = data.get("status_code") if isinstance(data, dict) else None
        raise services.refused(shown(toolkit), status if isinstance(status, int) else 400, {})
    while isinstance(data, dict):
        if data.get("errors") and isinstance(data["errors"], list):  # GraphQL, within a success
            raise services.RequestRejected(shown(toolkit))
        if (inner := wrapped(data)) is None:
            break
        data = inner
    return data


def wrapped(data: Mapping[str, Any]) -> Any:
    return next((data[name] for name in WRAPPERS if isinstance(data.get(name), dict)), None)
