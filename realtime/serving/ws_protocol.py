"""daphne's WebSocket, with close frames that arrive and bounds on what waits in either direction."""

from __future__ import annotations

import time
from typing import Any

import autobahn.twisted.websocket
import autobahn.websocket.protocol
from autobahn.util import encode_truncate
from daphne.ws_protocol import WebSocketFactory as DaphneWebSocketFactory
from daphne.ws_protocol import WebSocketProtocol as DaphneWebSocketProtocol

from realtime.serving.gate import Gate
from realtime.serving.mailbox import Mailbox
from realtime.serving.refusals import refusal

NORMAL, GOING_AWAY, NO_STATUS = 1000, 1001, 1005
TEXT, BINARY = 1, 2  # opcodes
MAX_REASON = 123  # bytes, what fits into a close frame
MAX_EARLY = 64 * 1024  # bytes a client may send before we have answered its handshake
MAX_UNREAD = 256 * 1024  # bytes of messages the application has not asked for yet
MESSAGE_COST = 256  # bytes that a message takes beside its payload


# autobahn prepares debug lines that nobody reads, in colour: a quarter of the time of a handshake.
for module, names in (
    (autobahn.twisted.websocket, ("hltype", "hlval")),
    (autobahn.websocket.protocol, ("hltype", "hlval", "pformat")),
):
    for name in names:
        setattr(module, name, id)


class WebSocketProtocol(DaphneWebSocketProtocol):  # type: ignore[misc]  # daphne has no types
    """A connection after its upgrade."""

    def connectionMade(self) -> None:
        super().connectionMade()
        self.server = self.factory.server_class
        self.gate = Gate(self.transport)
        self.transport.unregisterProducer()  # the HTTP channel that was here before
        self.transport.registerProducer(self.gate, True)

    def connectionLost(self, reason: Any) -> None:
        self.server.transports.discard(self.transport)
        self.gate.stopProducing()
        super().connectionLost(reason)

    # What comes in.

    def dataReceived(self, data: bytes) -> None:
        if self.state == self.STATE_CONNECTING and len(self.data) + len(data) > MAX_EARLY:
            self.transport.abortConnection()
        elif self.state != self.STATE_CLOSED:
            self._dataReceived(data)

    def processHandshake(self) -> None:
        """The handshake comes in one piece; what follows before we have answered waits for its turn."""
        if not hasattr(self, "http_request_data"):
            super().processHandshake()

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        if self.state == self.STATE_OPEN:  # after a close frame of ours it is too late
            super().onMessage(payload, isBinary)

    def onPing(self, payload: bytes) -> None:
        """A client that asks and never reads gets no answers piled up for it."""
        if self.gate.is_open:
            super().onPing(payload)

    # What goes out.

    def handle_reply(self, message: dict[str, Any]) -> None:
        if self.state == self.STATE_OPEN:
            self._reply_open(message)
        elif self.state == self.STATE_CONNECTING:
            super().handle_reply(message)

    def _reply_open(self, message: dict[str, Any]) -> None:
        match message["type"]:
            case "websocket.frames":
                self.transport.write(message["data"])
            case "websocket.close":
                reason = encode_truncate(message.get("reason") or "", MAX_REASON)
                self.sendCloseFrame(message.get("code") or NORMAL, reason)
            case _:
                super().handle_reply(message)

    def serverSend(self, content: bytes | str, binary: bool = False) -> None:
        """Without autobahn's limit, which is meant for what comes in."""
        payload = content if isinstance(content, bytes) else content.encode()
        self.sendFrame(BINARY if binary else TEXT, payload)

    def sendData(self, data: bytes, sync: bool = False, chopsize: int | None = None) -> None:
        """Without autobahn's statistics and debug lines, which cost more than the write."""
        self.transport.write(data)

    def sendCloseFrame(
        self, code: int | None = None, reasonUtf8: bytes | None = None, isReply: bool = False
    ) -> None:
        super().sendCloseFrame(code, reasonUtf8, isReply)
        self.gate.stopProducing()

    def sendHttpErrorResponse(self, code: int, reason: str, responseHeaders: Any = None) -> None:
        """The answer to a handshake that failed, or that the application refused."""
        path = getattr(self, "http_request_path", "-")
        known = self in self.server.connections  # the application's own log line is written already
        detail = reason if code == 400 else ""
        answer = refusal(code, "WS", path, detail=detail, headers=responseHeaders or (), log=not known)
        self.transport.write(answer)

    def check_timeouts(self) -> None:
        """No ping behind data that the peer has not taken yet: its answer could not come in time."""
        if self.gate.is_owed:
            self.last_ping = time.time()
        super().check_timeouts()

    # The end.

    def shut_down(self) -> None:
        if self.state == self.STATE_OPEN:
            self.sendCloseFrame(GOING_AWAY)
        elif self.state == self.STATE_CONNECTING:
            self.failHandshake("The server is shutting down", 503)

    def _fail_connection(self, code: int = GOING_AWAY, reason: str = "") -> None:
        """Say why and close; autobahn would do one or the other."""
        if self.state in (self.STATE_OPEN, self.STATE_CLOSING):
            self.failedByMe = True
            self.wasNotCleanReason = reason
            self.sendCloseFrame(code, encode_truncate(reason, MAX_REASON))
            self.dropConnection()

    def _closeConnection(self, abort: bool = False) -> None:
        if abort and not self.wasClean:
            self.transport.abortConnection()
        else:
            self.gate.close()

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        """daphne forgets those that were refused before they opened, and then stumbles over them."""
        if self in self.server.connections:
            super().onClose(wasClean, NO_STATUS if code is None else code, reason)


class WebSocketFactory(DaphneWebSocketFactory):  # type: ignore[misc]  # daphne has no types
    protocol = WebSocketProtocol


class Inbox(Mailbox):
    """Messages for the application. While it leaves too much unread, nothing more is read from the socket."""

    def __init__(self, transport: Any) -> None:
        super().__init__()
        self._transport = transport
        self._unread = 0

    def put_nowait(self, item: dict[str, Any]) -> None:
        super().put_nowait(item)
        self._unread += cost(item)
        if self._unread > MAX_UNREAD:
            self._transport.pauseProducing()

    async def get(self) -> dict[str, Any]:
        item = await super().get()
        was_full = self._unread > MAX_UNREAD
        self._unread -= cost(item)
        if was_full and self._unread <= MAX_UNREAD:
            self._transport.resumeProducing()
        return item


def cost(message: dict[str, Any]) -> int:
    return MESSAGE_COST + len(message.get("text") or message.get("bytes") or b"")
