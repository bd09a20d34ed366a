"""daphne, hardened: clients cannot make it wait or remember without bound, and it ends in order."""

from __future__ import annotations

import asyncio
import gc
import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any

from daphne.server import Server as DaphneServer
from django.conf import settings
from twisted.internet import defer, reactor
from twisted.internet.endpoints import serverFromString
from twisted.internet.error import ReactorNotRunning
from twisted.logger import globalLogBeginner

from realtime.serving.http_protocol import HTTPFactory
from realtime.serving.mailbox import Mailbox
from realtime.serving.ws_protocol import Inbox, WebSocketFactory

Background = Callable[[], Coroutine[Any, Any, None]]
OnListening = Callable[[str, int], None]

MAX_MESSAGE = 1024 * 1024  # bytes of a message from a WebSocket; beyond it the socket is closed with 1009
CLOSE_TIMEOUT = 5.0  # seconds for a peer's answer to our close frame
FOR_EVER = -1
GRACE = 10.0  # seconds that requests have to finish when the server stops
LAST_WORDS = 2.0  # seconds that applications which did not finish have for their clean-up
FRAMES = "manticscore.frames"  # the ASGI extension by which an application sends frames it has made itself

logger = logging.getLogger(__name__)


class Server(DaphneServer):  # type: ignore[misc]  # daphne has no types
    """daphne's Server with our protocols.

    `background` coroutines start with it and are cancelled when it begins to stop, `closing` ones run when
    the last application has ended. `on_listening` is told the host and port of every socket once it accepts
    connections. When one cannot be opened `run` returns at once, and `failure` says why.
    """

    def __init__(
        self,
        application: Any,
        *,
        background: Sequence[Background] = (),
        closing: Sequence[Background] = (),
        on_listening: OnListening = lambda host, port: None,
        **options: Any,
    ) -> None:
        super().__init__(application, server_name="", websocket_timeout=FOR_EVER, **options)
        self.failure = ""
        self.transports: set[Any] = set()  # of all open connections
        self._background = background
        self._closing = closing
        self._on_listening = on_listening
        self._running: list[asyncio.Task[None]] = []
        self._ports: list[Any] = []

    def run(self) -> None:
        """As daphne's own, with our factories, and with failures of Twisted in our log."""
        self.connections: dict[Any, dict[str, Any]] = {}
        self.http_factory = HTTPFactory(self)
        self.ws_factory = WebSocketFactory(self, server="")
        self.ws_factory.setProtocolOptions(
            versions=[13],
            allowNullOrigin=True,  # whose pages may connect is decided by the application
            autoPingTimeout=self.ping_timeout,
            openHandshakeTimeout=self.websocket_handshake_timeout,
            closeHandshakeTimeout=CLOSE_TIMEOUT,
            maxMessagePayloadSize=MAX_MESSAGE,
            maxFramePayloadSize=MAX_MESSAGE,
        )
        globalLogBeginner.beginLoggingTo([report], redirectStandardIO=False, discardBuffer=True)
        asyncio.set_event_loop(reactor._asyncioEventloop)
        reactor.callWhenRunning(self._start)
        reactor.addSystemEventTrigger("before", "shutdown", self._stop)
        # What was loaded to begin with stays. Python's search for reference cycles, which stops the event
        # loop, then takes half as long (0.1 instead of 0.2 s beside 500 connections).
        gc.collect()
        gc.freeze()
        for description in self.endpoints:
            listening = serverFromString(reactor, description).listen(self.http_factory)
            listening.addCallbacks(self.listen_success, self.listen_error)
        if not self.abort_start:
            reactor.run(installSignalHandlers=self.signal_handlers)

    def listen_success(self, port: Any) -> None:
        self._ports.append(port)
        address = port.getHost()
        self._on_listening(address.host, address.port)

    def listen_error(self, failure: Any) -> None:
        problem = getattr(failure.value, "socketError", failure.value)
        self.failure = getattr(problem, "strerror", "") or str(problem)
        self.stop()

    def _start(self) -> None:
        self.application_checker()
        self.timeout_checker()
        loop = asyncio.get_event_loop()  # it does not run yet
        self._running = [loop.create_task(step()) for step in self._background]

    # Applications.

    def create_application(self, protocol: Any, scope: dict[str, Any]) -> Mailbox:
        scope["asgi"] = {"version": "3.0"}
        inbox = Mailbox()
        if scope["type"] == "websocket":
            scope["extensions"] = {FRAMES: {}}
            inbox = Inbox(protocol.transport)
        running = self.application(scope, inbox.get, partial(self.handle_reply, protocol))
        self.connections[protocol]["application_instance"] = asyncio.ensure_future(running)
        return inbox

    async def handle_reply(self, protocol: Any, message: dict[str, Any]) -> None:
        """The application's `send`, which returns once there is room for the message or nobody to read it."""
        await protocol.gate.room()
        if not protocol.gate.is_over:
            await super().handle_reply(protocol, message)

    def timeout_checker(self) -> None:
        """Called every two seconds."""
        now = time.monotonic()
        for transport in list(self.transports):
            protocol = transport.protocol
            protocol.gate.check(now, settings.STALL_TIMEOUT)
            if hasattr(protocol, "check_deadline"):
                protocol.check_deadline(now)
        super().timeout_checker()

    # The end.

    def _stop(self) -> defer.Deferred[Any]:
        return defer.Deferred.fromFuture(asyncio.ensure_future(self._wind_down()))

    async def _wind_down(self) -> None:
        """Take no more connections, let the open ones end, then whatever is left."""
        for port in self._ports:
            port.stopListening()
        for transport in list(self.transports):
            transport.protocol.shut_down()
        await asyncio.gather(self._end_background(), self._let_connections_end())
        left = self._applications()
        for application in left:
            application.cancel()
        if left:
            await asyncio.wait(left, timeout=LAST_WORDS)
        for step in self._closing:
            await step()

    async def _end_background(self) -> None:
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _let_connections_end(self) -> None:
        give_up_at = time.monotonic() + GRACE
        while (self.transports or self._applications()) and time.monotonic() < give_up_at:  # noqa: ASYNC110
            await asyncio.sleep(0.02)

    def _applications(self) -> list[asyncio.Future[None]]:
        """Those that run; a connection that has just begun or become a WebSocket has none."""
        found = (entry.get("application_instance") for entry in self.connections.values())
        return [application for application in found if application is not None and not application.done()]


def report(event: dict[str, Any]) -> None:
    """Twisted's log: only what went wrong in a protocol is worth a line. Being told twice to stop is not."""
    failure = event.get("log_failure")
    if failure is not None and not failure.check(ReactorNotRunning):
        logger.error(
            "failure in a protocol", exc_info=(failure.type, failure.value, failure.getTracebackObject())
        )
