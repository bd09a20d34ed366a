"""Asking a search source, within the limits of one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from manticscore.clients import jsonapi
from manticscore.clients.websearch.results import SearchError

SECONDS = 8.0
MAX_BYTES = 2 * 1024 * 1024


async def ask(
    method: str,
    url: str,
    *,
    params: Mapping[str, Any] | None = None,
    body: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Any:
    """The JSON answer. Raises SearchError, whose message holds neither the URL nor a key."""
    try:
        return await jsonapi.ask(
            method, url, seconds=SECONDS, max_bytes=MAX_BYTES, params=params, body=body, headers=headers
        )
    except jsonapi.ApiError as error:
        raise SearchError(str(error), permanent=error.permanent) from None
