"""Requests as servers hand them over: bodies in pieces, without a length, without end, and undecodable."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from manticscore.asgi import application
from tests.helpers.people import Person

LIMIT = 256 * 1024
SCOPE: dict[str, Any] = {
    "type": "http",
    "asgi": {"version": "3.0"},
    "http_version": "1.1",
    "method": "POST",
    "scheme": "http",
    "path": "/auth/anonymous",
    "raw_path": b"/auth/anonymous",
    "query_string": b"",
    "root_path": "",
    "headers": [(b"host", b"localhost"), (b"content-type", b"application/json")],
    "client": ("127.0.0.1", 50000),
    "server": ("localhost", 80),
}


class Exchange:
    """One request in raw ASGI messages: what was asked for, what was read, what came back."""

    def __init__(self, chunks: list[bytes], **scope: Any) -> None:
        self.scope = {**SCOPE, **scope}
        self.waiting = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
        self.waiting[-1]["more_body"] = False
        self.read = 0
        self.leaves = False
        self.sent: list[dict[str, Any]] = []

    async def receive(self) -> dict[str, Any]:
        self.read += 1
        if not self.waiting and not self.leaves:
            await asyncio.Event().wait()
        return self.waiting.pop(0) if self.waiting else {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        self.sent.append(message)

    async def run(self) -> Exchange:
        await application(self.scope, self.receive, self.send)
        return self

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode().lower(): value.decode() for name, value in self.sent[0]["headers"]}

    @property
    def body(self) -> Any:
        return json.loads(b"".join(message.get("body", b"") for message in self.sent[1:]))


async def chunked(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def post(
    path: str, chunks: AsyncIterator[bytes], headers: dict[str, str] | None = None
) -> httpx.Response:
    transport = httpx.ASGITransport(application)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        return await client.post(
            path, content=chunks, headers={"Content-Type": "application/json", **(headers or {})}
        )


@pytest.mark.django_db(transaction=True)
async def test_chunked_body_is_read(ada: Person) -> None:
    response = await post("/research", chunked(b'{"idea": ', b'"a recipe ', b'box"}'), ada.headers)
    assert "content-length" not in response.request.headers
    assert response.status_code == 202, response.content
    assert response.json()["status"] == "queued"


async def test_chunked_body_is_checked_like_any_other() -> None:
    response = await post("/auth/anonymous", chunked(b"[", b"]"))
    assert (response.status_code, response.json()) == (400, {"detail": "Body must be a JSON object"})
    response = await post("/auth/anonymous", chunked(b""))
    assert (response.status_code, response.json()) == (422, {"detail": "device_id required"})


async def test_chunked_body_may_reach_the_limit() -> None:
    response = await post("/auth/anonymous", chunked(b"[", b" " * (LIMIT - 2), b"]"))
    assert (response.status_code, response.json()) == (400, {"detail": "Body must be a JSON object"})


async def test_chunked_body_of_a_byte_more() -> None:
    response = await post("/auth/anonymous", chunked(b"[", b" " * (LIMIT - 1), b"]"))
    assert (response.status_code, response.json()) == (413, {"detail": "Payload too large"})
    assert re.fullmatch(r"[0-9a-f]{16}", response.headers["X-Request-ID"])


@pytest.mark.parametrize("declared", [None, b"10", b"10000000000"])
async def test_body_without_end_is_refused_when_it_crosses_the_limit(declared: bytes | None) -> None:
    headers = [*SCOPE["headers"], *([(b"content-length", declared)] if declared else [])]
    exchange = await Exchange([b"x" * 65536] * 1000, headers=headers).run()
    assert (exchange.status, exchange.body) == (413, {"detail": "Payload too large"})
    assert re.fullmatch(r"[0-9a-f]{16}", exchange.headers["x-request-id"])
    assert exchange.headers["connection"] == "close"
    assert exchange.headers["content-type"] == "application/json"
    assert exchange.read == 5, "four pieces are the limit, the fifth crosses it, the rest stays unread"


async def test_client_that_leaves_while_it_sends_gets_no_answer() -> None:
    exchange = Exchange([b"{"])
    exchange.waiting[0]["more_body"] = True
    exchange.leaves = True
    await exchange.run()
    assert exchange.sent == []


@pytest.mark.parametrize("query", [b"cursor=\xff", b"\xc3\x28", b"\xed\xa0\x80"])
async def test_query_that_is_no_text(query: bytes) -> None:
    exchange = await Exchange([b"{}"], query_string=query).run()
    assert (exchange.status, exchange.body) == (400, {"detail": "Bad request"})
    assert re.fullmatch(r"[0-9a-f]{16}", exchange.headers["x-request-id"])


async def test_charset_with_nul() -> None:
    headers = [(b"host", b"localhost"), (b"content-type", b"application/json; charset=a\x00b")]
    exchange = await Exchange([b"{}"], headers=headers).run()
    assert (exchange.status, exchange.body) == (400, {"detail": "Bad request"})
    assert re.fullmatch(r"[0-9a-f]{16}", exchange.headers["x-request-id"])


async def test_header_names_with_underscores_are_not_taken_for_ours() -> None:
    headers = [*SCOPE["headers"], (b"content_length", b"99999999999"), (b"content_encoding", b"gzip")]
    exchange = await Exchange([b"{}"], headers=headers).run()
    assert (exchange.status, exchange.body) == (422, {"detail": "device_id required"})


@pytest.mark.parametrize(
    ("path", "status"), [("/healthz", 405), ("/nowhere", 404), ("/research", 401), ("/auth/anonymous", 422)]
)
async def test_request_id_is_on_every_answer(path: str, status: int) -> None:
    exchange = await Exchange([b"{}"], path=path).run()
    assert exchange.status == status
    assert re.fullmatch(r"[0-9a-f]{16}", exchange.headers["x-request-id"])
    assert exchange.headers["content-type"] == "application/json"


async def test_answers_are_not_to_be_guessed_or_framed() -> None:
    headers = (await Exchange([b"{}"]).run()).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
