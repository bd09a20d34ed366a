"""A stream as newline-delimited JSON over HTTP (spec: ndjson-streaming)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from functools import partial
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import ResponseHeaders

from accounts import sessions
from accounts.ratelimits import open_streams
from manticscore import errors, threads
from realtime import access, metrics, replay
from realtime import hub as hubs
from realtime.bell import Bell
from realtime.events import MAX_CURSOR, frame
from realtime.hub import Hub

CONTENT_TYPE = "application/x-ndjson"
PATIENCE = 1.0  # seconds between looks while a client takes its time to read
HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}


async def events_response(
    request: HttpRequest, stream_id: UUID, channel: str, entity_field: str
) -> HttpResponse | StreamingHttpResponse:
    """The response of an `.../events` route. Raises ApiError before anything is sent.

    `entity_field` is the name under which `stream_start` carries the entity's id, as `job_id`.
    """
    token = sessions.bearer_token(request.headers.get("Authorization", ""))
    hub = await hubs.current()
    # Only a stream that is really opened prolongs the session, or makes one for a JWT.
    principal_id = await access.follower(hub, token, channel, stream_id)
    cursor = parse_cursor(request.GET.get("cursor", ""))
    if request.method == "HEAD":
        return HttpResponse(content_type=CONTENT_TYPE, headers=HEADERS)
    open_streams.enter(principal_id)
    leave = partial(open_streams.leave, principal_id)
    try:
        grant = await access.grant(hub, token)
    except BaseException:
        leave()
        raise
    start = {"request_id": request.id, entity_field: str(stream_id)}  # type: ignore[attr-defined]
    lines = body(hub, grant, stream_id, cursor, frame("stream_start", start))
    streaming = Body(lines, leave, partial(access.release, hub, grant))
    return EventStream(streaming, content_type=CONTENT_TYPE, headers=HEADERS)


class EventStream(StreamingHttpResponse):
    """A response that idles most of the time, and keeps no headers once they are sent."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        self.headers = ResponseHeaders({})
        return super().__aiter__()


class Body:
    """Lines, and what is to be done when Django closes the response, even if nobody read a line."""

    def __init__(
        self,
        lines: AsyncGenerator[bytes, None],
        leave: Callable[[], None],
        release: Callable[[], Awaitable[None]],
    ) -> None:
        self._lines = lines
        self._leave = leave
        self._release = release
        self._loop = asyncio.get_running_loop()
        self._closing: asyncio.Task[None] | None = None

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._lines

    def close(self) -> None:
        """Callable from any thread. Lines that were left in the middle end now, not when memory is freed."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._close)

    def _close(self) -> None:
        self._leave()
        self._closing = self._loop.create_task(self._end())

    async def _end(self) -> None:
        """Lines that were never begun do not clean up after themselves."""
        await self._lines.aclose()
        await self._release()


def parse_cursor(text: str) -> int:
    """The number of the last event received; nothing means 0. Raises Unprocessable."""
    if not text:
        return 0
    if not re.fullmatch("[0-9]{1,19}", text) or int(text) > MAX_CURSOR:
        raise errors.Unprocessable("cursor must be a whole number from 0")
    return int(text)


async def body(
    hub: Hub, grant: sessions.Grant, stream_id: UUID, cursor: int, start: bytes
) -> AsyncGenerator[bytes, None]:
    """Lines until the stream's end, the session's end or the client's leaving."""
    threads.release()  # a stream idles for minutes and must hold no thread and no connection
    bell = Bell()
    heartbeat = Heartbeat(bell)
    forget_session = hub.watch_session(grant.session_id, bell.end)
    metrics.open_ndjson_streams.inc()
    try:
        yield start + b"\n"
        async with aclosing(replay.follow(hub, stream_id, cursor, bell)) as steps:
            async for step in steps:
                match step:
                    case replay.Lines(page):
                        yield page.data
                        metrics.delivered_by_ndjson.inc(len(page))
                    case replay.Frame(text):
                        yield text + b"\n"
                    case replay.Quiet() if heartbeat.is_due:
                        yield frame("ping") + b"\n"
                    case replay.Gone():
                        return
                    case _:
                        continue
                heartbeat.beat()
    finally:
        metrics.open_ndjson_streams.dec()
        heartbeat.stop()
        forget_session()


class Heartbeat:
    """Rings when nothing was sent for an interval.

    One timer that looks after the last beat when it goes off, rather than one for every beat.
    """

    def __init__(self, bell: Bell) -> None:
        self._bell = bell
        self._loop = asyncio.get_running_loop()
        self.beat()
        self._timer = self._loop.call_at(self._due_at, self._look)

    @property
    def is_due(self) -> bool:
        return self._loop.time() >= self._due_at

    def beat(self) -> None:
        """Something was sent."""
        self._due_at = self._loop.time() + settings.STREAM_HEARTBEAT

    def stop(self) -> None:
        self._timer.cancel()

    def _look(self) -> None:
        if self.is_due:
            self._bell.ring()
        self._timer = self._loop.call_at(max(self._due_at, self._loop.time() + PATIENCE), self._look)
