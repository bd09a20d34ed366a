"""A client of the public API: HTTP, an NDJSON stream, a WebSocket. It imports nothing of the server."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from manticscore.demo import DemoFailed

READY_TIMEOUT = 60.0  # seconds
LOOK_AGAIN = 0.1
ANSWER_TIMEOUT = 30.0
QUIET_TIMEOUT = 60.0  # the server sends a sign of life every 15 seconds
MAX_FRAME = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a stream, as it came over the wire and as it reads. `seq` is 0 outside the log."""

    raw: str
    type: str
    data: dict[str, Any]

    @classmethod
    def parse(cls, raw: str) -> Event:
        line = json.loads(raw)
        return cls(raw, line["event"], line["data"])

    @property
    def seq(self) -> int:
        return int(self.data.get("seq", 0))

    @property
    def ends_stream(self) -> bool:
        return self.type == "done"


class Client:
    """One anonymous device. Use as an async context manager."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._token = ""
        # Straight to the server: a proxy from the environment has no business with loopback.
        self._http = httpx.AsyncClient(base_url=url, timeout=ANSWER_TIMEOUT, trust_env=False)

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._http.aclose()

    async def until_ready(self) -> None:
        """Wait for GET /readyz to say that requests and jobs are served."""
        give_up_at = time.monotonic() + READY_TIMEOUT
        while True:
            response = await self._http.get("/readyz")
            if response.status_code == 200:
                return
            if time.monotonic() > give_up_at:
                raise DemoFailed(f"The server did not become ready: {detail(response)}.")
            await asyncio.sleep(LOOK_AGAIN)

    async def sign_in(self) -> int:
        """Open an anonymous session; returns for how many seconds it is good."""
        answer = await self._call("POST", "/auth/anonymous", {"device_id": f"demo-{uuid.uuid4()}"})
        self._token = answer["token"]
        return int(answer["expires_in"])

    async def start_research(self, idea: str) -> str:
        """The new job's id."""
        answer = await self._call("POST", "/research", {"idea": idea})
        return str(answer["job_id"])

    async def research(self, job_id: str) -> dict[str, Any]:
        return await self._call("GET", f"/research/{job_id}")

    async def stream(self, job_id: str, cursor: int = 0) -> AsyncGenerator[Event]:
        """The job's events after `cursor` over NDJSON, until the server closes the stream."""
        timeout = httpx.Timeout(ANSWER_TIMEOUT, read=QUIET_TIMEOUT)
        path = f"/research/{job_id}/events"
        async with self._http.stream(
            "GET", path, params={"cursor": cursor}, headers=self._headers(), timeout=timeout
        ) as response:
            if response.is_error:
                await response.aread()
                raise DemoFailed(f"GET {path} answered {response.status_code}: {detail(response)}.")
            async for line in lines(response.aiter_bytes()):
                yield Event.parse(line)

    async def socket(self, job_id: str) -> AsyncGenerator[Event]:
        """The job's events over the WebSocket, until its `done`. The token stays out of the URL."""
        url = f"{self._url.replace('http', 'ws', 1)}/ws"
        async with connect(url, additional_headers=self._headers(), proxy=None, max_size=MAX_FRAME) as socket:
            subscription = {"action": "subscribe", "entity_id": job_id, "channel": "research", "cursor": 0}
            await socket.send(json.dumps(subscription))
            async for text in socket:
                event = Event.parse(text if isinstance(text, str) else text.decode())
                if event.type == "error" and not event.seq:
                    raise DemoFailed(f"The WebSocket refused the subscription: {event.data['message']}.")
                if event.seq:
                    yield event
                    if event.ends_stream:
                        return
        raise DemoFailed(f"The WebSocket closed early, with code {socket.close_code}.")

    async def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        response = await self._http.request(method, path, json=body, headers=self._headers())
        if response.is_error:
            raise DemoFailed(f"{method} {path} answered {response.status_code}: {detail(response)}.")
        answer: dict[str, Any] = response.json()
        return answer

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}"} if self._token else {}


async def lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[str]:
    """Complete lines. Only a line feed ends one: JSON may hold U+2028, which str.splitlines() would cut."""
    rest = b""
    async for chunk in chunks:
        *complete, rest = (rest + chunk).split(b"\n")
        for line in complete:
            yield line.decode()


# What goes wrong between two machines, as opposed to an answer that says no.
ConnectionLost = (httpx.TransportError, WebSocketException, OSError)


def detail(response: httpx.Response) -> str:
    """The message of an error answer, without the full stop it may end with."""
    try:
        return str(response.json()["detail"]).rstrip(".")
    except (ValueError, KeyError, TypeError):
        return response.reason_phrase
