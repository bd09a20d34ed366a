"""Moves frames between a socket, its session's rules and the streams it follows. No rules here."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from contextlib import aclosing, suppress
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from accounts import sessions
from manticscore import errors
from realtime import access, cancellation, metrics, replay
from realtime import hub as hubs
from realtime.connections import Seat
from realtime.framing import text_frames
from realtime.hub import Hub
from realtime.pages import Page
from realtime.sockets import admission
from realtime.sockets.admission import Scope
from realtime.sockets.catchup import catchup
from realtime.sockets.session import (
    Action,
    Authenticate,
    Cancel,
    Close,
    Revalidate,
    Send,
    SocketSession,
    Subscribe,
    Unsubscribe,
)

CONNECT_PATIENCE = 10.0  # seconds for the database to come back while a socket opens
LAST_WORDS = 5.0  # seconds for what was said before a close
MAX_UNREAD = 2000  # answers that wait for a client that does not read
FRAMES = "manticscore.frames"  # the server writes complete frames, many at once

Receive = Callable[[], Awaitable[dict[str, Any]]]
SendMessage = Callable[[dict[str, Any]], Awaitable[None]]


class SocketConsumer:
    """One connection to `/ws`.

    What happens by itself (a timer, a newer connection, the end of the session) becomes a short task when
    it happens; a connection on which nothing happens is one task that reads, and a timer. Whatever is
    written takes its turn at one lock, which is fair: a stream with much to say gives way to the others
    after each page.
    """

    def __init__(self, hub: Hub, grant: sessions.Grant, send: SendMessage, *, frames: bool = False) -> None:
        self._hub = hub
        self._grant = grant
        self._send = send
        self._writes_frames = frames
        self._session = SocketSession(time.monotonic())
        self._followers: dict[UUID, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._writing = asyncio.Lock()
        self._outbox: list[bytes] = []
        self._flushing = False
        self._forget_session: Callable[[], None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._reader: asyncio.Task[Any] | None = None
        self._over = False
        self._failure: BaseException | None = None

    async def run(self, receive: Receive) -> None:
        """Serve the connection until either side closes it. Raises one of `admission.Refused` before."""
        with metrics.open_websockets.track_inprogress():
            await self._run(receive)

    async def _run(self, receive: Receive) -> None:
        self._reader = asyncio.current_task()
        seat: Seat | None = None
        try:
            seat = await access.patiently(
                lambda: self._hub.connections.open(self._grant.principal_id, self._replaced),
                CONNECT_PATIENCE,
            )
            await self._greet()
            await self._read(receive)
        except asyncio.CancelledError:
            if not self._over:
                raise
        except OSError:  # the client has left
            pass
        finally:
            self._over = True
            await self._clean_up(seat)
        if self._failure is not None:
            raise self._failure

    async def _greet(self) -> None:
        work = await access.patiently(lambda: catchup(self._hub, self._grant.principal_id), CONNECT_PATIENCE)
        now = timestamp(datetime.now(UTC))
        await self._tell(self._session.opened(self._grant.principal_id, now))
        await self._write(work)
        self._watch_auth()
        self._set_timer()

    async def _read(self, receive: Receive) -> None:
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                return
            self._do(self._session.received(message.get("text"), time.monotonic()))

    async def _clean_up(self, seat: Seat | None) -> None:
        self._stop_timer()
        if self._forget_session is not None:
            self._forget_session()
        await cancel(self._tasks)
        if seat is not None:
            await self._hub.connections.close(seat)
        await access.release(self._hub, self._grant)

    def _end(self, failure: BaseException | None = None) -> None:
        """Stop reading, which ends `run`."""
        if not self._over and self._reader is not None:
            self._over, self._failure = True, failure
            self._reader.cancel()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """A task whose failure ends the connection: a client must not wait on one that lost a part."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._settle)
        return task

    def _settle(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            # OSError is how a server says, if it does, that the client has left.
            self._end(None if isinstance(error, OSError) else error)

    def _set_timer(self) -> None:
        wait = self._session.next_tick(time.monotonic())
        self._timer = asyncio.get_running_loop().call_later(wait, self._tick)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _tick(self) -> None:
        self._do(self._session.tick(time.monotonic()))
        self._set_timer()

    def _replaced(self) -> None:
        metrics.evictions.inc()
        self._do(self._session.replaced())

    def _watch_auth(self) -> None:
        """Of the session that the connection has now."""
        if self._forget_session is not None:
            self._forget_session()
        self._forget_session = self._hub.watch_session(self._grant.session_id, self._auth_ended)

    def _auth_ended(self) -> None:
        self._do(self._session.auth_ended())

    def _do(self, actions: Iterable[Action]) -> None:
        if self._over:
            return
        for action in actions:
            match action:
                case Send(data):
                    self._say(data)
                case Subscribe(entity_id):
                    self._followers[entity_id] = self._spawn(self._follow(action))
                case Unsubscribe(entity_id):
                    if follower := self._followers.pop(entity_id, None):
                        follower.cancel()  # it will not write again: it can only be waiting
                case Cancel():
                    self._spawn(self._cancel(action))
                case Authenticate(token):
                    self._spawn(self._authenticate(token))
                case Revalidate():
                    self._spawn(self._revalidate())
                case Close():
                    self._stop_timer()
                    self._spawn(self._close(action))

    def _say(self, data: bytes) -> None:
        """Have a frame written without waiting for it: who reads must not wait for who writes."""
        self._outbox.append(data)
        if len(self._outbox) > MAX_UNREAD:
            self._outbox.clear()
            self._do(self._session.unread())
        elif not self._flushing:
            self._flushing = True
            self._spawn(self._flush())

    async def _flush(self) -> None:
        try:
            while self._outbox:
                frames, self._outbox = self._outbox, []
                await self._write(frames)
        finally:
            self._flushing = False

    async def _tell(self, actions: Iterable[Action]) -> None:
        """Have frames written in this place among others."""
        await self._write([action.frame for action in actions if isinstance(action, Send)])

    async def _write(self, frames: list[bytes]) -> None:
        """Frames of one batch stay together."""
        async with self._writing:
            if self._writes_frames:
                if frames:
                    await self._send({"type": "websocket.frames", "data": text_frames(frames)})
                return
            for data in frames:
                await self._send({"type": "websocket.send", "text": data.decode()})

    async def _write_page(self, page: Page) -> None:
        if self._writes_frames:
            async with self._writing:
                await self._send({"type": "websocket.frames", "data": page.frames})
        else:
            await self._write(page.lines)
        metrics.delivered_by_websocket.inc(len(page))

    async def _follow(self, wish: Subscribe) -> None:
        """Replay, confirm with the number of replayed events, then go on live until the stream's end."""
        await self._forward(wish)
        # A client that was denied, or saw the end, may have subscribed again already.
        if self._followers.get(wish.entity_id) is asyncio.current_task():
            del self._followers[wish.entity_id]
            self._session.ended(wish.entity_id)

    async def _forward(self, wish: Subscribe) -> None:
        principal_id, channel, entity_id = self._grant.principal_id, wish.channel, wish.entity_id
        if not await access.patiently(lambda: access.may_follow(self._hub, principal_id, channel, entity_id)):
            await self._tell(self._session.denied(entity_id))
            return
        async with aclosing(replay.follow(self._hub, entity_id, wish.cursor)) as steps:
            async for step in steps:
                match step:
                    case replay.Frame(data):
                        await self._write([data])
                    case replay.Lines(page, behind):
                        await self._forward_page(wish, page, behind)
                    case replay.CaughtUp(replayed, cursor, live):
                        await self._tell(
                            self._session.subscribed(wish, replayed=replayed, cursor=cursor, live=live)
                        )
                    case replay.Gone():
                        await self._tell(self._session.denied(entity_id))

    async def _forward_page(self, wish: Subscribe, page: Page, behind: int) -> None:
        began = time.monotonic()
        await self._write_page(page)
        now = time.monotonic()
        if actions := self._session.written(wish, now - began, behind, now):
            await self._tell(actions)

    async def _cancel(self, wish: Cancel) -> None:
        try:
            asked = await cancellation.request_over(
                self._hub, self._grant.principal_id, wish.channel, wish.entity_id
            )
        except errors.DATABASE_GONE:
            self._do(self._session.not_now(wish.entity_id))
        else:
            self._do(self._session.cancelled(wish, asked))

    async def _authenticate(self, token: str) -> None:
        """Go on with another session of the same principal; anything else leaves things as they are."""
        try:
            grant, expires_at = await access.lasting_grant(self._hub, token)
        except errors.ApiError as error:
            self._do(self._session.auth_refused(error))
            return
        except errors.DATABASE_GONE:
            self._do(self._session.auth_refused(errors.Unavailable()))
            return
        if grant.principal_id != self._grant.principal_id:
            await access.release(self._hub, grant)
            self._do(self._session.auth_of_another())
            return
        old, self._grant = self._grant, grant
        self._watch_auth()
        self._do(self._session.authenticated(timestamp(expires_at)))
        if old.session_id != grant.session_id:
            await access.release(self._hub, old)

    async def _revalidate(self) -> None:
        """Beside the hub's sweep. While the database is away nobody is sent away."""
        grant = self._grant
        with suppress(*errors.DATABASE_GONE):
            ended = await access.revalidate(self._hub, grant) is None
            if ended and grant is self._grant:  # or the client has brought another one meanwhile
                self._do(self._session.auth_ended())

    async def _close(self, action: Close) -> None:
        """The last words, then the close; what still has much to say is cut short."""
        for follower in self._followers.values():
            follower.cancel()
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORDS):
                await self._flush()
                await self._writing.acquire()  # and keep it: nothing is written after the close
        await self._send({"type": "websocket.close", "code": action.code, "reason": action.reason})
        self._end()


def timestamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


async def cancel(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancel tasks and wait until they are over, so that none writes afterwards."""
    running = list(tasks)
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


async def websocket(scope: Scope, receive: Receive, send: SendMessage) -> None:
    """The ASGI application of `/ws`. Who is refused is closed after accepting, so that clients see why."""
    await receive()  # websocket.connect
    await send({"type": "websocket.accept", "subprotocol": admission.subprotocol(scope)})
    hub = await hubs.current()
    try:
        token = admission.token_from(scope)
        grant = await access.patiently(lambda: access.grant(hub, token), CONNECT_PATIENCE)
        await SocketConsumer(hub, grant, send, frames=FRAMES in (scope.get("extensions") or ())).run(receive)
    except admission.Refused as error:
        await refuse(send, admission.refused(error))


async def refuse(send: SendMessage, actions: Iterable[Action]) -> None:
    for action in actions:
        match action:
            case Send(data):
                await send({"type": "websocket.send", "text": data.decode()})
            case Close(code, reason):
                await send({"type": "websocket.close", "code": code, "reason": reason})


async def not_found(scope: Scope, receive: Receive, send: SendMessage) -> None:
    """Any other WebSocket path: refused before it opens, which a client sees as 403."""
    await receive()
    await send({"type": "websocket.close"})
