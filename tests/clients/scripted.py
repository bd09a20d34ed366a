"""Servers that say what a test wrote down, and keep what they were asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from manticscore_client import Timing, Token
from manticscore_client.sessions import Session, SignIn
from manticscore_client.transport import Transport

QUICK = Timing(first_wait=0.01, longest_wait=0.02, patience=5.0, stream_silence=1.0, socket_silence=1.0)
T = TypeVar("T")
Answer = bytes | Callable[[int], bytes]
ENTITY = "00000000-0000-4000-8000-000000000001"


def event(kind: str, seq: int | None = None, **data: Any) -> str:
    """A line as the server writes it."""
    numbers = {} if seq is None else {"seq": seq, "entity_id": ENTITY, "channel": "research"}
    return json.dumps({"v": 1, "event": kind, "data": {**numbers, **data}})


def tokens() -> SignIn:
    """A sign-in whose tokens are `token-1`, `token-2`, and so on."""
    given = 0

    async def sign_in(transport: Transport) -> Token:
        nonlocal given
        given += 1
        return Token(f"token-{given}", 1800.0)

    return sign_in


def session(url: str, timing: Timing = QUICK) -> Session:
    return Session(Transport(url, timing, trust_env=False), tokens())


@dataclass
class HttpScript:
    """Answers one connection after the other, each with the next answer, then hangs up or lingers."""

    answers: list[Answer]
    lingers: bool = False
    requests: list[str] = field(default_factory=list)
    url: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A connection on which nothing is asked is one that a client opened in advance.
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            self.requests.append((await reader.readuntil(b"\r\n\r\n")).decode())
            answer = following(self.answers)
            writer.write(answer if isinstance(answer, bytes) else answer(self.cursors[-1]))
            await writer.drain()
            if self.lingers:
                await reader.read()  # until the client gives up
        with suppress(ConnectionError):
            writer.close()
            await writer.wait_closed()

    @property
    def cursors(self) -> list[int]:
        return [int(request.split("cursor=")[1].split()[0]) for request in self.requests]


@asynccontextmanager
async def http(*answers: Answer, lingers: bool = False) -> AsyncIterator[HttpScript]:
    script = HttpScript(list(answers), lingers)
    serving: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.create_task(script.serve(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    script.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield script
    await asyncio.gather(*serving)


def following(script: list[T]) -> T:
    """The next thing of a script; the last one again and again."""
    return script.pop(0) if len(script) > 1 else script[0]


def after(cursor: int, lines: Sequence[str]) -> list[str]:
    return [line for line in lines if json.loads(line)["data"]["seq"] > cursor]


def log(*lines: str, whole: bool = True) -> Answer:
    """What there is after the cursor that is asked for."""
    return lambda cursor: stream(*after(cursor, lines), whole=whole)


def answer(status: str, body: str = "", **headers: str) -> bytes:
    told = {"Content-Type": "application/json", "Content-Length": str(len(body.encode())), **headers}
    fields = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in told.items())
    return f"HTTP/1.1 {status}\r\n{fields}\r\n{body}".encode()


def stream(*lines: str, cut: str = "", whole: bool = True) -> bytes:
    """A chunked answer; with `cut`, or not `whole`, the connection ends in the middle of it."""
    body = "".join(f"{line}\n" for line in lines) + cut
    size = len(body.encode())
    end = "0\r\n\r\n" if whole and not cut else ""
    return f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{size:x}\r\n{body}\r\n{end}".encode()


class Conversation:
    """One connection of a WebSocket client, and what it has said so far."""

    def __init__(self, connection: ServerConnection) -> None:
        self.connection = connection
        self.received: list[dict[str, Any]] = []
        self._heard = asyncio.Condition()

    async def listen(self) -> None:
        with suppress(ConnectionClosed):
            async for text in self.connection:
                async with self._heard:
                    self.received.append(json.loads(text))
                    self._heard.notify_all()

    async def hears(self, action: str, entity_id: str | None = None) -> None:
        """Wait for a message."""
        wanted = {"action": action, **({"entity_id": entity_id} if entity_id else {})}
        async with self._heard:
            await self._heard.wait_for(lambda: any(wanted.items() <= one.items() for one in self.received))

    async def say(self, *frames: str) -> None:
        for frame in frames:
            await self.connection.send(frame)


Talk = Callable[[Conversation], Awaitable[None]]


@dataclass
class SocketScript:
    """Leads one conversation after the other."""

    talks: list[Talk]
    tokens: list[str] = field(default_factory=list)
    conversations: list[Conversation] = field(default_factory=list)
    url: str = ""

    async def serve(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        self.tokens.append(token_in(connection.request.headers))
        conversation = Conversation(connection)
        self.conversations.append(conversation)
        talk = following(self.talks)
        listening = asyncio.create_task(conversation.listen())
        await talk(conversation)
        await listening

    @property
    def received(self) -> list[list[dict[str, Any]]]:
        return [conversation.received for conversation in self.conversations]


def token_in(headers: Headers) -> str:
    """Where Python puts it, or where a page has to."""
    if "Authorization" in headers:
        return headers["Authorization"].removeprefix("Bearer ")
    return headers["Sec-WebSocket-Protocol"].split("bearer.")[1]


def choose(connection: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    return offered[0] if offered else None


@asynccontextmanager
async def sockets(*talks: Talk) -> AsyncIterator[SocketScript]:
    script = SocketScript(list(talks))
    async with serve(script.serve, "127.0.0.1", 0, select_subprotocol=choose) as server:
        script.url = f"http://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
        yield script


def tells(*lines: str, cut: bool = False) -> Talk:
    """Send what there is after the cursor that is asked for; then be silent, or gone without a word."""

    async def talk(conversation: Conversation) -> None:
        await conversation.hears("subscribe")
        await conversation.say(*after(conversation.received[0]["cursor"], lines))
        if cut:
            conversation.connection.transport.abort()

    return talk


def says(*frames: str, close: int = 0, unasked: bool = False) -> Talk:
    """Answer a subscription with the frames; then close with the code or, without one, stay silent."""

    async def talk(conversation: Conversation) -> None:
        if not unasked:
            await conversation.hears("subscribe")
        await conversation.say(*frames)
        if close:
            await conversation.connection.close(close)

    return talk
