"""daphne's HTTP, with bounds on what a client may send, how long it may take, and what waits for it."""

from __future__ import annotations

import time
from io import BytesIO
from typing import Any

from daphne.http_protocol import HTTPFactory as DaphneHTTPFactory
from daphne.http_protocol import WebRequest
from django.conf import settings
from twisted.web import http
from twisted.web.http_headers import Headers

from realtime.serving.gate import Gate
from realtime.serving.refusals import refusal

MAX_REQUEST_LINE = 8 * 1024  # bytes
MAX_HEAD = 16 * 1024  # bytes: the request line and all headers
NO_HEADERS = Headers()
ROOT_PATH_HEADER = b"daphne-root-path"  # daphne believes it, whoever sends it


class Channel(http.HTTPChannel):  # type: ignore[misc]  # twisted has no types
    """A connection that speaks HTTP, until it is closed or becomes a WebSocket."""

    totalHeadersSize = MAX_HEAD
    refused = False  # whether we answered ourselves: nothing that comes is read any more
    _deadline: float | None = None  # for the rest of the request that is arriving

    def connectionMade(self) -> None:
        super().connectionMade()
        self.gate = Gate(self.transport)
        self.factory.server.transports.add(self.transport)

    def connectionLost(self, reason: Any) -> None:
        self.factory.server.transports.discard(self.transport)
        self.gate.stopProducing()
        super().connectionLost(reason)

    def pauseProducing(self) -> None:
        self.gate.pauseProducing()
        super().pauseProducing()

    def resumeProducing(self) -> None:
        self.gate.resumeProducing()
        super().resumeProducing()

    def loseConnection(self) -> None:
        self.gate.stopProducing()
        super().loseConnection()

    def dataReceived(self, data: bytes) -> None:
        if self.refused:
            return
        if self._deadline is None and not self._handlingRequest:
            self._deadline = time.monotonic() + settings.REQUEST_DEADLINE
        super().dataReceived(data)

    def lineReceived(self, line: bytes) -> None:
        """A line of the head. One piece of input may have more of them after the one that was refused."""
        if self.refused:
            return
        if not self.requests and len(line) > MAX_REQUEST_LINE:
            self.refuse(414)
        elif self._receivedHeaderSize + len(line) > self.totalHeadersSize:
            self.refuse(431)
        else:
            super().lineReceived(line)

    def lineLengthExceeded(self, line: bytes) -> None:
        self.refuse(431 if self.requests else 414)

    def allHeadersReceived(self) -> None:
        """Called before `100 Continue` is sent: a body that is announced as too large never starts."""
        if self.length is not None and self.length > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            self.refuse(413)
        else:
            super().allHeadersReceived()

    def rawDataReceived(self, data: bytes) -> None:
        """Of the body, or after it. What came in one piece with a WebSocket's handshake belongs to that."""
        if self.transport.protocol is not self:
            self.transport.protocol.dataReceived(data)
        elif not self.refused:
            super().rawDataReceived(data)

    def allContentReceived(self) -> None:
        if not self.refused:
            self._deadline = None
            super().allContentReceived()

    def check_deadline(self, now: float) -> None:
        if self._deadline is not None and now >= self._deadline:
            self.refuse(408)

    def _respondToBadRequestAndDisconnect(self) -> None:
        """Twisted's hook for what it cannot parse."""
        self.refuse(400)

    def refuse(self, status: int, detail: str = "", *, log: bool = True) -> None:
        """Answer in the application's place and close."""
        if self.refused:
            return
        self.refused, self._deadline = True, None
        self.setTimeout(None)
        self.transport.write(refusal(status, *self._asked_for(), detail=detail, log=log))
        self.gate.close()

    def _asked_for(self) -> tuple[str, str]:
        """Method and path, as far as they have come."""
        request = self.requests[0] if self.requests else None
        if request is not None and request.uri is not http.Request.uri:
            method, uri = request.method, request.uri
        else:
            method, uri = getattr(self, "_command", b"-"), getattr(self, "_path", b"-")
        return method.decode("latin-1"), uri.partition(b"?")[0].decode("latin-1")

    def shut_down(self) -> None:
        """End: idle connections now, streams after what was written, other requests with their answer."""
        if not self.requests:
            self.loseConnection()
        elif not self._handlingRequest:
            self.refuse(503)
        elif self.requests[0].is_streaming:
            # Without the last chunk, so that nobody takes the stream for finished.
            self.requests[0].send_disconnect()
            self.loseConnection()
        else:
            self.persistent = False


class Request(WebRequest):  # type: ignore[misc]  # daphne has no types
    """One request, kept in memory until it is complete."""

    def __init__(self, channel: Channel, queued: bool = False) -> None:
        super().__init__(channel, queued, parsePOSTFormSubmission=False)
        self.gate = channel.gate

    @property
    def is_streaming(self) -> bool:
        """Whether an answer of unknown length is on its way."""
        return bool(self.startedWriting) and not self.responseHeaders.hasHeader(b"content-length")

    def gotLength(self, length: int | None) -> None:
        self.content = BytesIO()  # Twisted would use a file

    def handleContentChunk(self, data: bytes) -> None:
        if self.channel.refused:
            return
        if self.content.tell() + len(data) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            self.channel.refuse(413)
        else:
            self.content.write(data)

    def process(self) -> Any:
        self.requestHeaders.removeHeader(ROOT_PATH_HEADER)
        problem = self._handshake_problem() if self._wants_websocket() else ""
        if problem:
            return self.channel.refuse(400, problem)
        done = super().process()
        self.requestHeaders: Headers = NO_HEADERS  # the application has them, and a stream may idle for hours
        return done

    def _wants_websocket(self) -> bool:
        return bool(self.requestHeaders.getRawHeaders(b"upgrade", [b""])[0].lower() == b"websocket")

    def _handshake_problem(self) -> str:
        """What daphne would stumble over when it makes a WebSocket of the request; nothing, if empty."""
        # Whatever is offered here, we do not compress.
        self.requestHeaders.removeHeader(b"sec-websocket-extensions")
        if self.clientproto != b"HTTP/1.1":
            return "A WebSocket needs HTTP/1.1"
        if self.content.getbuffer().nbytes:
            return "A WebSocket handshake has no body"
        if not all(
            value.isascii() for value in self.requestHeaders.getRawHeaders(b"sec-websocket-protocol", [])
        ):
            return "Sec-WebSocket-Protocol must be ASCII"
        return ""

    def basic_error(self, status: int, status_text: bytes, body: str) -> None:
        """daphne's own answers. Once an answer has begun, only a cut says that it failed."""
        if self.startedWriting:
            self.channel.transport.abortConnection()
        else:
            known = self.application_queue is not None  # the application's own log line is written already
            self.channel.refuse(status, body if status < 500 else "", log=not known)


class HTTPFactory(DaphneHTTPFactory):  # type: ignore[misc]  # daphne has no types
    """Makes a Channel of each connection."""

    protocol = Channel

    def buildProtocol(self, addr: Any) -> Channel:
        channel: Channel = super().buildProtocol(addr)
        channel.requestFactory = Request
        return channel
