"""Events of many streams over one WebSocket, across any number of connections."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Literal

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from manticscore_client.backoff import Backoff
from manticscore_client.events import Event
from manticscore_client.exceptions import (
    ClientError,
    ConnectionLost,
    Replaced,
    SocketClosed,
    Unauthorized,
)
from manticscore_client.history import History
from manticscore_client.sessions import Session
from manticscore_client.subscriptions import Subscription, Subscriptions, messages
from manticscore_client.transport import bearer, error_of

MAX_FRAME = 1024 * 1024  # an event has at most 256 KiB
CLOSING = 2.0  # seconds to wait for the server's part of closing
MIN_PAUSE = 1.0  # between signs of life, also while a session cannot be renewed
NEEDS_SESSION = frozenset({4001, 4002})
REPLACED = 4003
LOST = (ConnectionClosed, ConnectionLost, InvalidHandshake, OSError, TimeoutError)


class Socket:
    """Iterate over it to receive. Coming back after a lost connection is its own affair.

    Only what is asked for is read: an event that nobody takes stays with the server.
    """

    def __init__(self, url: str, session: Session, *, trust_env: bool = True) -> None:
        self._url = url.replace("http", "ws", 1) + "/ws"
        self._session = session
        self._timing = session.timing
        self._proxy: Literal[True] | None = True if trust_env else None
        self._subscriptions = Subscriptions()
        self._connection: ClientConnection | None = None
        self._events: AsyncGenerator[Event, None] | None = None
        self._retry_after = 0.0
        self.connections = 0
        """How often it has connected."""

    async def __aenter__(self) -> Socket:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        if self._events is not None:
            await self._events.aclose()
            self._events = None

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        if self._events is None:
            self._events = self._forever()
        return await anext(self._events)

    async def subscribe(
        self, entity_id: str, channel: str, cursor: int = 0, *, history: History | None = None
    ) -> None:
        """Follow a stream from the cursor, or go on with a history. Before connecting it is only noted."""
        await self.subscribe_many([Subscription(entity_id, channel, history or History(cursor))])

    async def subscribe_many(self, subscriptions: list[Subscription]) -> None:
        """Follow many streams; the server is asked in one frame."""
        for one in subscriptions:
            self._subscriptions.add(one)
        for message in messages(subscriptions):
            await self._send(message)

    async def unsubscribe(self, entity_id: str) -> None:
        """Events of it that are on their way already are dropped."""
        self._subscriptions.remove(entity_id)
        await self._send({"action": "unsubscribe", "entity_id": entity_id})

    def cursor(self, entity_id: str) -> int:
        """The number of the last event received of a stream. Raises KeyError without a subscription."""
        return self._subscriptions.history(entity_id).cursor

    async def _send(self, message: dict[str, Any]) -> None:
        """Lost with its connection; the next one says everything anew."""
        if self._connection is not None:
            with suppress(ConnectionClosed):
                await self._connection.send(json.dumps(message))

    # --- Receiving ----------------------------------------------------------------------------

    async def _forever(self) -> AsyncGenerator[Event, None]:
        backoff = Backoff(self._timing)
        refused = ""
        while True:
            token = await self._session.token()
            try:
                async with self._connected(token) as connection:
                    async for event in self._receive(connection):
                        if is_success(event):
                            refused = ""
                            backoff.reset()
                        if self._subscriptions.take(event):
                            yield event
            except InvalidStatus as error:
                answer = error.response
                problem = error_of(answer.status_code, answer.headers, answer.reason_phrase)
                if not problem.may_pass:
                    raise problem from None
                await backoff.wait(problem, problem.retry_after)
            except LOST as error:
                code = error.rcvd.code if isinstance(error, ConnectionClosed) and error.rcvd else 0
                if code in NEEDS_SESSION and not refused:
                    refused = token
                    await self._session.instead_of(token)
                    continue
                refuse_to_return(code, error)
                await backoff.wait(error, self._retry_after)
                self._retry_after = 0.0

    async def _receive(self, connection: ClientConnection) -> AsyncGenerator[Event, None]:
        """Frames until the connection ends. One that is silent for too long is dead and cut off."""
        while True:
            try:
                async with asyncio.timeout(self._timing.socket_silence):
                    frame = await connection.recv(decode=False)
            except TimeoutError:
                connection.transport.abort()
                raise ConnectionLost(f"silent for {self._timing.socket_silence:.0f} s") from None
            event = Event.parse(bytes(frame))
            if event.type == "error" and event.seq is None:
                self._retry_after = float(event.data.get("retry_after") or 0.0)
            yield event

    @asynccontextmanager
    async def _connected(self, token: str) -> AsyncIterator[ClientConnection]:
        """A connection on which everything is subscribed again, and which is kept alive."""
        # Our own signs of life take the place of the library's pings: they also count for the server.
        async with connect(
            self._url,
            additional_headers=bearer(token),
            proxy=self._proxy,
            max_size=MAX_FRAME,
            open_timeout=self._timing.connect,
            close_timeout=CLOSING,
            ping_interval=None,
            compression=None,
        ) as connection:
            self._connection = connection
            self.connections += 1
            keeping = asyncio.create_task(self._keep_alive(connection, token))
            try:
                for message in messages(self._subscriptions.open()):
                    await connection.send(json.dumps(message))
                yield connection
            finally:
                self._connection = None
                keeping.cancel()
                await asyncio.gather(keeping, return_exceptions=True)

    async def _keep_alive(self, connection: ClientConnection, told: str) -> None:
        """A ping now and then, and a new token before the old one expires."""
        while True:
            await asyncio.sleep(max(MIN_PAUSE, min(self._timing.keepalive, self._session.due_in)))
            await connection.send(json.dumps({"action": "ping"}))  # first: a new token may take minutes
            with suppress(ClientError, OSError):  # without one the server will say 4001
                token = await self._session.token()
                if token != told:
                    await connection.send(json.dumps({"action": "auth", "token": token}))
                    told = token


def is_success(event: Event) -> bool:
    """Whether the server serves us. It also says why it does not, before it closes."""
    return event.seq is not None or event.type == "connected"


def refuse_to_return(code: int, cause: Exception) -> None:
    """Raises when the server closed with a code after which coming back is of no use."""
    reason = cause.rcvd.reason if isinstance(cause, ConnectionClosed) and cause.rcvd else ""
    if code == REPLACED:
        raise Replaced(code, reason) from cause
    if code in NEEDS_SESSION:
        raise Unauthorized(401, f"the WebSocket refused a new session with {code}") from cause
    if 4000 <= code < 5000:
        raise SocketClosed(code, reason) from cause
