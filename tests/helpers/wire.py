"""Bytes on a socket, and WebSocket frames made and read by hand, correct or not."""

from __future__ import annotations

import json
import os
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any

PATIENCE = 10.0  # seconds; only a failing test waits so long
KEY = "dGhlIHNhbXBsZSBub25jZQ=="  # and what the RFC answers to it
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
UPGRADE = {
    "Host": "127.0.0.1",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": KEY,
    "Sec-WebSocket-Version": "13",
}


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Frame:
    opcode: int
    payload: bytes
    final: bool = True

    @property
    def code(self) -> int | None:
        """Of a close frame."""
        return struct.unpack("!H", self.payload[:2])[0] if self.payload else None


def head(line: str, headers: dict[str, str]) -> bytes:
    fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"{line}\r\n{fields}\r\n".encode("latin-1")


def handshake(path: str = "/echo", **changes: str | None) -> bytes:
    """An upgrade request; underscores stand for dashes, None leaves a header out."""
    named = {name.replace("_", "-"): value for name, value in changes.items()}
    headers = {name: value for name, value in {**UPGRADE, **named}.items() if value is not None}
    return head(f"GET {path} HTTP/1.1", headers)


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    final: bool = True,
    rsv: int = 0,
    masked: bool = True,
    length: bytes | None = None,
) -> bytes:
    """One frame. `length` replaces the second byte's low bits and what follows of the length."""
    size = len(payload)
    if length is None:
        if size < 126:
            length = bytes((size,))
        else:
            length = struct.pack("!BH", 126, size) if size < 1 << 16 else struct.pack("!BQ", 127, size)
    first = bytes((final << 7 | rsv << 4 | opcode,))
    if not masked:
        return first + length + payload
    mask = os.urandom(4)
    covered = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
    return first + bytes((length[0] | 0x80,)) + length[1:] + mask + covered


def close(code: int | None = None, reason: bytes = b"") -> bytes:
    return frame(CLOSE, b"" if code is None else struct.pack("!H", code) + reason)


class Wire:
    """A connection to a server on this machine."""

    def __init__(self, port: int, receive_buffer: int = 0) -> None:
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(("127.0.0.1", port))
        self._unread = b""

    def __enter__(self) -> Wire:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def press(self, data: bytes, is_enough: Callable[[], bool] = lambda: False) -> None:
        """Send it again and again."""
        while not is_enough():
            self.send(data)

    def receive(self, size: int) -> bytes:
        while len(self._unread) < size:
            more = self.socket.recv(65536)
            if not more:
                raise EOFError(self._unread)
            self._unread += more
        taken, self._unread = self._unread[:size], self._unread[size:]
        return taken

    def until(self, mark: bytes) -> bytes:
        while mark not in self._unread:
            more = self.socket.recv(65536)
            if not more:
                raise EOFError(self._unread)
            self._unread += more
        taken, _, self._unread = self._unread.partition(mark)
        return taken + mark

    def rest(self) -> bytes:
        """What comes until the server closes in order."""
        while more := self.socket.recv(65536):
            self._unread += more
        taken, self._unread = self._unread, b""
        return taken

    def answer(self) -> Answer:
        """An HTTP response with its body, if it says how long that is."""
        first, *fields = self.until(b"\r\n\r\n").decode("latin-1").strip().split("\r\n")
        headers = {name.lower(): value for name, value in (field.split(": ", 1) for field in fields)}
        body = self.receive(int(headers.get("content-length", 0)))
        return Answer(int(first.split()[1]), headers, body)

    def open(self, path: str = "/echo", **changes: str | None) -> Wire:
        """Become a WebSocket."""
        self.send(handshake(path, **changes))
        answer = self.answer()
        assert answer.status == 101, answer
        return self

    def frame(self) -> Frame:
        first, second = self.receive(2)
        length = second & 0x7F
        if length >= 126:
            length = int.from_bytes(self.receive(2 if length == 126 else 8), "big")
        assert not second & 0x80, "a server does not mask"
        assert not first & 0x70, "no extension was agreed on"
        return Frame(first & 0x0F, self.receive(length), bool(first & 0x80))
