"""HTTP: one place where answers become values or errors."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx

from manticscore_client.backoff import Backoff
from manticscore_client.exceptions import BY_STATUS, ApiError
from manticscore_client.timing import Timing


class Transport:
    """Requests to one server."""

    def __init__(self, url: str, timing: Timing, *, trust_env: bool = True) -> None:
        self.url = url.rstrip("/")
        self.timing = timing
        timeout = httpx.Timeout(timing.answer, connect=timing.connect)
        # Without a limit on connections: every stream that is followed holds one.
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=20)
        self._http = httpx.AsyncClient(base_url=self.url, timeout=timeout, limits=limits, trust_env=trust_env)

    async def aclose(self) -> None:
        await self._http.aclose()

    async def call(
        self,
        method: str,
        path: str,
        *,
        token: str = "",
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        retry: bool = False,
    ) -> Any:
        """The answer's JSON. With `retry` the request is one that may safely be made again."""
        backoff = Backoff(self.timing)
        while True:
            try:
                response = await self._http.request(
                    method, path, json=body, headers={**bearer(token), **(headers or {})}
                )
                raise_for(response)
                return response.json() if response.content else None
            except (httpx.TransportError, ApiError) as error:
                if not retry or (isinstance(error, ApiError) and not error.may_pass):
                    raise
                await backoff.wait(error, getattr(error, "retry_after", 0.0))

    @asynccontextmanager
    async def lines(self, path: str, *, token: str, cursor: int) -> AsyncIterator[AsyncIterator[bytes]]:
        """The complete lines of a stream's body, as they come."""
        timeout = httpx.Timeout(
            self.timing.answer, connect=self.timing.connect, read=self.timing.stream_silence
        )
        async with self._http.stream(
            "GET", path, params={"cursor": cursor}, headers=bearer(token), timeout=timeout
        ) as response:
            if response.is_error:
                await response.aread()
            raise_for(response)
            yield split(response.aiter_bytes())


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} if token else {}


async def split(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Complete lines. Only a line feed ends one: JSON may hold U+2028, which str.splitlines() would cut.

    What follows the last line feed was cut off in the middle, and comes again after the cursor.
    """
    rest = b""
    async for chunk in chunks:
        *complete, rest = (rest + chunk).split(b"\n")
        for line in complete:
            yield line


def raise_for(response: httpx.Response) -> None:
    """Raises the ApiError of an error answer."""
    if not response.is_error:
        return
    raise error_of(response.status_code, response.headers, detail_of(response))


def error_of(status: int, headers: Mapping[str, str], detail: str) -> ApiError:
    retry_after = headers.get("Retry-After", "")
    return BY_STATUS.get(status, ApiError)(
        status,
        detail,
        retry_after=float(retry_after) if retry_after.isdecimal() else 0.0,
        request_id=headers.get("X-Request-ID", ""),
    )


def detail_of(response: httpx.Response) -> str:
    try:
        return str(response.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return response.reason_phrase  # of a proxy in between, not of the API
