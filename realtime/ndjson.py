"""A stream as newline-delimited JSON over HTTP (spec: ndjson-streaming)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import ExitStack, aclosing
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse

from accounts import sessions
from accounts.ratelimits import open_streams
from manticscore import errors, threads
from realtime import access, replay
from realtime import hub as hubs
from realtime.events import MAX_CURSOR, frame
from realtime.hub import Hub

CONTENT_TYPE = "application/x-ndjson"
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
    with ExitStack() as held:
        held.enter_context(open_streams.one_more(principal_id))
        grant = await access.grant(hub, token)
        start = {"request_id": request.id, entity_field: str(stream_id)}  # type: ignore[attr-defined]
        lines = body(hub, grant, stream_id, cursor, frame("stream_start", start))
        return StreamingHttpResponse(
            Body(lines, held.pop_all()),
            content_type=CONTENT_TYPE,
            headers=HEADERS,
        )


class Body:
    """Lines, and what is held for them until Django closes the response, even if nobody read a line."""

    def __init__(self, lines: AsyncGenerator[bytes, None], held: ExitStack) -> None:
        self._lines = lines
        self._held = held
        self._loop = asyncio.get_running_loop()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._lines

    def close(self) -> None:
        """Callable from any thread. Lines that were left in the middle end now, not when memory is freed."""
        self._held.close()
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(lambda: self._loop.create_task(self._lines.aclose()))


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
    try:
        yield start + b"\n"
        async with aclosing(replay.follow(hub, stream_id, cursor)) as steps:
            with hub.watch_session(grant.session_id) as ended:
                async for lines in beating(steps, ended):
                    yield b"\n".join(lines) + b"\n"
    finally:
        await access.release(hub, grant)


async def beating(steps: AsyncIterator[replay.Step], ended: asyncio.Event) -> AsyncIterator[list[bytes]]:
    """The steps' lines, with a `ping` after every quiet interval, until `ended` is set."""
    stop = asyncio.ensure_future(ended.wait())
    step: asyncio.Future[replay.Step | None] | None = None
    try:
        while True:
            step = step or asyncio.ensure_future(anext(steps, None))
            await asyncio.wait(
                (step, stop), timeout=settings.STREAM_HEARTBEAT, return_when=asyncio.FIRST_COMPLETED
            )
            if stop.done():
                return
            if not step.done():
                yield [frame("ping")]
                continue
            result, step = step.result(), None
            if result is None or isinstance(result, replay.Gone):
                return
            if isinstance(result, replay.Lines):
                yield result.lines
    finally:
        pending = [task for task in (step, stop) if task is not None]
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
