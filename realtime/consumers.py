"""Moves frames between a socket, its session's rules and the streams it follows. No rules here."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

from accounts import sessions
from manticscore import errors
from realtime import access, replay
from realtime import hub as hubs
from realtime.hub import Hub
from realtime.session import INVALID_TOKEN, Action, Close, Send, SocketSession, Subscribe, Unsubscribe

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
SendMessage = Callable[[dict[str, Any]], Awaitable[None]]


class SocketConsumer:
    """One connection to `/ws`."""

    def __init__(self, hub: Hub, grant: sessions.Grant, send: SendMessage) -> None:
        self._hub = hub
        self._grant = grant
        self._send = send
        self._session = SocketSession(time.monotonic())
        self._followers: dict[UUID, asyncio.Task[None]] = {}
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._writing = asyncio.Lock()

    async def run(self, receive: Receive) -> None:
        """Serve the connection until either side closes it."""
        with self._hub.watch_session(self._grant.session_id) as auth_ended:
            tasks = [
                self._spawn(self._read(receive), name="socket read"),
                self._spawn(self._keep_time(), name="socket clock"),
                self._spawn(self._watch_auth(auth_ended), name="socket auth"),
            ]
            try:
                now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
                await self._do(self._session.opened(self._grant.principal_id, now))
                await self._over
            finally:
                await cancel([*tasks, *self._followers.values()])

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """A task whose failure ends the connection: a client must not wait on one that lost a part."""
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._settle)
        return task

    def _settle(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None and not self._over.done():
            self._over.set_exception(error)

    def _end(self) -> None:
        if not self._over.done():
            self._over.set_result(None)

    async def _read(self, receive: Receive) -> None:
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                self._end()
                return
            await self._do(self._session.received(message.get("text"), time.monotonic()))

    async def _keep_time(self) -> None:
        while True:
            await asyncio.sleep(self._session.next_tick(time.monotonic()))
            await self._do(self._session.tick(time.monotonic()))

    async def _watch_auth(self, ended: asyncio.Event) -> None:
        await ended.wait()
        await self._do(self._session.auth_ended())

    async def _do(self, actions: Iterable[Action]) -> None:
        for action in actions:
            match action:
                case Send(data):
                    await self._write([data])
                case Subscribe(entity_id, channel, cursor):
                    self._followers[entity_id] = self._spawn(
                        self._follow(entity_id, channel, cursor), name=f"follow {entity_id}"
                    )
                case Unsubscribe(entity_id):
                    await cancel([self._followers.pop(entity_id, None)])
                case Close(code):
                    await self._send({"type": "websocket.close", "code": code})
                    self._end()

    async def _write(self, frames: list[bytes]) -> None:
        """Frames of one batch stay together."""
        async with self._writing:
            for data in frames:
                await self._send({"type": "websocket.send", "text": data.decode()})

    async def _follow(self, entity_id: UUID, channel: str, cursor: int) -> None:
        """Replay, confirm with the number of replayed events, then go on live until the stream's end."""
        await self._forward(entity_id, channel, cursor)
        # A client that was denied, or saw the end, may have subscribed again already.
        if self._followers.get(entity_id) is asyncio.current_task():
            del self._followers[entity_id]
            self._session.ended(entity_id)

    async def _forward(self, entity_id: UUID, channel: str, cursor: int) -> None:
        if not await access.may_follow(self._hub, self._grant.principal_id, channel, entity_id):
            await self._do(self._session.denied(entity_id))
            return
        async with aclosing(replay.follow(self._hub, entity_id, cursor)) as steps:
            async for step in steps:
                match step:
                    case replay.Lines(lines):
                        await self._write(lines)
                        self._session.delivered(time.monotonic())
                    case replay.CaughtUp(replayed):
                        await self._do(self._session.subscribed(entity_id, channel, replayed))
                    case replay.Gone():
                        await self._do(self._session.denied(entity_id))


async def cancel(tasks: Iterable[asyncio.Task[None] | None]) -> None:
    """Cancel tasks and wait until they are over, so that none writes afterwards."""
    running = [task for task in tasks if task is not None and task is not asyncio.current_task()]
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


def token_from(scope: Scope) -> str:
    """The token in the query or, so that it need not stand in a URL, in an Authorization header."""
    query: dict[str, list[str]] = parse_qs(scope["query_string"].decode("latin-1"))
    if "token" in query:
        return query["token"][0]
    headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
    return sessions.bearer_token(headers.get(b"authorization", ""))


async def websocket(scope: Scope, receive: Receive, send: SendMessage) -> None:
    """The ASGI application of `/ws`. A refused token is closed after accepting, so that clients see 4002."""
    await receive()  # websocket.connect
    await send({"type": "websocket.accept"})
    hub = await hubs.current()
    try:
        grant = await access.grant(hub, token_from(scope))
    except errors.Unauthorized:
        await send({"type": "websocket.close", "code": INVALID_TOKEN})
        return
    try:
        await SocketConsumer(hub, grant, send).run(receive)
    finally:
        await access.release(hub, grant)


async def not_found(scope: Scope, receive: Receive, send: SendMessage) -> None:
    """Any other WebSocket path: refused before it opens, which a client sees as 403."""
    await receive()
    await send({"type": "websocket.close"})
