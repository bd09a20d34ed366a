"""A stream over HTTP, from a cursor to its end, across any number of connections."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import httpx

from manticscore_client.backoff import Backoff
from manticscore_client.events import Event
from manticscore_client.exceptions import ApiError, ConnectionLost, Unauthorized
from manticscore_client.history import History
from manticscore_client.sessions import Session
from manticscore_client.transport import Transport


async def follow(
    transport: Transport, session: Session, path: str, history: History
) -> AsyncGenerator[Event, None]:
    """Every event after the history's cursor, once and in order, until the stream's end."""
    backoff = Backoff(transport.timing)
    token = await session.token()
    renewed = False
    while True:
        try:
            async with transport.lines(path, token=token, cursor=history.cursor) as lines:
                renewed = False
                async for line in lines:
                    backoff.reset()
                    event = Event.parse(line)
                    if history.take(event):
                        yield event
            # `done` alone does not end it: a job that was tried again goes on after the first one.
            if history.ended:
                return
            raise ConnectionLost("the server ended the response before the stream")
        except Unauthorized:
            if renewed:
                raise
            token, renewed = await session.instead_of(token), True
        except (httpx.TransportError, ApiError, ConnectionLost) as error:
            if isinstance(error, ApiError) and not error.may_pass:
                raise
            if history.ended:
                return  # cut off after the last line
            await backoff.wait(error, getattr(error, "retry_after", 0.0))
            token = await session.token()
