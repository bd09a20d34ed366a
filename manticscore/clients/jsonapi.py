"""Asking an API of the operator's choice: bounded in time and size, never redirected, never by a proxy."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from typing import Any

import httpx

CONNECT_SECONDS = 5.0
TRANSIENT = frozenset({408, 425, 429})


class ApiError(Exception):
    """There is no answer to use. The message holds neither the URL nor a key.

    `permanent`: asking again helps no more until somebody changes the configuration. `status` and
    `headers` are the answer's, where one came that refuses.
    """

    def __init__(
        self,
        message: str,
        *,
        permanent: bool = False,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.permanent = permanent
        self.status = status
        self.headers = headers or {}
        super().__init__(message)


async def ask(
    method: str,
    url: str,
    *,
    seconds: float,
    max_bytes: int,
    params: Mapping[str, Any] | None = None,
    body: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    until: float | None = None,
) -> Any:
    """The JSON answer, complete within so many seconds and bytes. Raises ApiError.

    `until`, in time of time.monotonic(), is when the time is over at the latest. After it nothing more is
    sent, also by a process that was frozen meanwhile.
    """
    sent = {"Accept": "application/json", "Accept-Encoding": "identity", **(headers or {})}
    limits = httpx.Timeout(seconds, connect=min(seconds, CONNECT_SECONDS))
    end = time.monotonic() + seconds
    try:
        async with (
            asyncio.timeout_at(end if until is None else min(end, until)),
            httpx.AsyncClient(timeout=limits, follow_redirects=False, trust_env=False) as client,
            client.stream(method, url, params=params, json=body, headers=sent) as response,
        ):
            check(response.status_code, response.headers)
            content = await read(response, max_bytes)
    except TimeoutError:
        raise ApiError(f"no answer within {seconds:g} s") from None
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise ApiError(f"not reachable ({type(error).__name__})") from None
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise ApiError("the answer is not JSON") from None


def check(status: int, headers: Mapping[str, str]) -> None:
    if status in (httpx.codes.OK, httpx.codes.CREATED):
        return
    permanent = 300 <= status < 500 and status not in TRANSIENT
    raise ApiError(f"answered {status}", permanent=permanent, status=status, headers=headers)


async def read(response: httpx.Response, max_bytes: int) -> bytes:
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise ApiError("the answer is compressed, which was not asked for")
    content = bytearray()
    async for chunk in response.aiter_raw():
        content += chunk
        if len(content) > max_bytes:
            raise ApiError("the answer is too large")
    return bytes(content)
