"""A stream as newline-delimited JSON over HTTP (spec: ndjson-streaming)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import aclosing
from uuid import UUID

from asgiref.sync import SyncToAsync, sync_to_async
from django.conf import settings
from django.db import connections
from django.http import HttpRequest, StreamingHttpResponse

from accounts import sessions
from manticscore import errors
from realtime import access, replay
from realtime import hub as hubs
from realtime.events import MAX_CURSOR, frame
from realtime.hub import Hub


async def events_response(
    request: HttpRequest, stream_id: UUID, channel: str, entity_field: str
) -> StreamingHttpResponse:
    """The response of an `.../events` route. Raises ApiError before anything is sent.

    `entity_field` is the name under which `stream_start` carries the entity's id, as `job_id`.
    """
    token = sessions.bearer_token(request.headers.get("Authorization", ""))
    hub = await hubs.current()
    grant = await access.grant(hub, token)
    cursor = parse_cursor(request.GET.get("cursor", ""))
    if not await access.may_follow(hub, grant.principal_id, channel, stream_id):
        raise errors.NotFound()
    start = {"request_id": request.id, entity_field: str(stream_id)}  # type: ignore[attr-defined]
    lines = body(hub, grant, stream_id, cursor, frame("stream_start", start))
    return StreamingHttpResponse(
        nothing() if request.method == "HEAD" else lines,
        content_type="application/x-ndjson",
        headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"},
    )


def parse_cursor(text: str) -> int:
    """The number of the last event received; nothing means 0. Raises Unprocessable."""
    if not text:
        return 0
    if not re.fullmatch("[0-9]{1,19}", text) or int(text) > MAX_CURSOR:
        raise errors.Unprocessable("cursor must be a whole number from 0")
    return int(text)


async def body(
    hub: Hub, grant: sessions.Grant, stream_id: UUID, cursor: int, start: bytes
) -> AsyncIterator[bytes]:
    """Lines until the stream's end, the session's end or the client's leaving."""
    await release_request_thread()
    yield start + b"\n"
    async with aclosing(replay.follow(hub, stream_id, cursor)) as steps:
        with hub.watch_session(grant.session_id) as ended:
            async for lines in beating(steps, ended):
                yield b"\n".join(lines) + b"\n"


async def nothing() -> AsyncIterator[bytes]:
    """The body of an answer to HEAD, which must not wait for the stream's end."""
    lines: tuple[bytes, ...] = ()
    for line in lines:
        yield line


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


async def release_request_thread() -> None:
    """Give back the thread, and its database connection, that Django keeps for a request.

    A stream idles for minutes; an idle one must hold neither. asgiref makes a new thread by itself if
    Django needs one again when the response is closed.
    """
    await sync_to_async(connections.close_all)()
    context = SyncToAsync.thread_sensitive_context.get(None)
    executor = SyncToAsync.context_to_thread_executor.pop(context, None) if context is not None else None
    if executor is not None:
        executor.shutdown(wait=False)
