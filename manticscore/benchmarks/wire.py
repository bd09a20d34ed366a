"""What a reader of streams says and hears on its connection, as bytes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

HEAD_END = b"\r\n\r\n"


def get(path: str, token: str) -> str:
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\r\n"


def upgrade(path: str) -> str:
    """The request that opens a WebSocket, with the key of the standard's own example."""
    return (
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )


def frame(text: str) -> str:
    """A client's text frame, as latin-1; masked with zeros, which leaves the text as it is."""
    size = len(text.encode())
    length = bytes([0x80 | size]) if size < 126 else bytes([0x80 | 126]) + size.to_bytes(2, "big")
    return (b"\x81" + length + bytes(4) + text.encode()).decode("latin-1")


def messages(received: bytes) -> Iterator[bytes]:
    """Everything that came after the handshake's head: text frames, or the lines of a chunked body."""
    head, _, rest = received.partition(HEAD_END)
    if head.startswith(b"HTTP/1.1 101"):
        return texts(rest)
    return iter(unchunked(rest).splitlines())


def texts(rest: bytes) -> Iterator[bytes]:
    """Payloads of a server's text frames, which are neither masked nor fragmented."""
    place = 0
    while place + 2 <= len(rest):
        opcode, size, start = rest[place], rest[place + 1], place + 2
        if size >= 126:
            width = 2 if size == 126 else 8
            size, start = int.from_bytes(rest[start : start + width], "big"), start + width
        if start + size > len(rest):
            return  # the rest of it had not come when the reader had all it wanted
        if opcode == 0x81:
            yield rest[start : start + size]
        place = start + size


def unchunked(rest: bytes) -> bytes:
    body, place = [], 0
    while (end := rest.find(b"\r\n", place)) > 0:
        size = int(rest[place:end], 16)
        body.append(rest[end + 2 : end + 2 + size])
        place = end + 2 + size + 2
    return b"".join(body)


def numbered(received: bytes) -> list[int]:
    """The numbers of all events received, every one parsed as a whole."""
    return [number for message in messages(received) if (number := number_of(message))]


def number_of(message: bytes) -> int | None:
    """An event's number; frames of the connection have none. Socket.IO wraps events in a list of its own."""
    start = message.find(b"{")
    if start < 0:
        return None
    text, packed = message[start:].decode(), message.startswith(b"42[")
    data: Any = json.loads(text.removesuffix("]") if packed else text).get("data", {})
    return data.get("seq") if isinstance(data, dict) else None
