"""The HTTP client of language models: it reads no more than an answer may have."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx2

MAX_BYTES = 4 * 1024 * 1024
CONNECT_SECONDS = 10.0


class TooLarge(httpx2.TransportError):
    """The answer is larger than any answer may be, or compressed although nobody asked for it."""


class Capped(httpx2.AsyncByteStream):
    """A body that ends with an error where it becomes too large."""

    def __init__(self, body: httpx2.AsyncByteStream, limit: int) -> None:
        self._body = body
        self._left = limit

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._body:
            self._left -= len(chunk)
            if self._left < 0:
                raise TooLarge("the answer is too large")
            yield chunk

    async def aclose(self) -> None:
        await self._body.aclose()


def client(seconds: float, limit: int = MAX_BYTES) -> httpx2.AsyncClient:
    """A client for one request, which waits no longer than so many seconds for anything."""

    async def cap(response: httpx2.Response) -> None:
        if response.headers.get("content-encoding", "identity") != "identity":
            raise TooLarge("the answer is compressed")
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        response.stream = Capped(response.stream, limit)

    return httpx2.AsyncClient(
        timeout=httpx2.Timeout(seconds, connect=min(seconds, CONNECT_SECONDS)),
        headers={"Accept-Encoding": "identity"},
        event_hooks={"response": [cap]},
        follow_redirects=False,  # a key goes where it was meant to go
    )
