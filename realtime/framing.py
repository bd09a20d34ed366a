"""Text messages as WebSocket frames (RFC 6455, section 5.2)."""

from __future__ import annotations

import struct
from collections.abc import Iterable

FINAL_TEXT = 0x81
LENGTH_16, LENGTH_64 = 126, 127  # the length follows in two or in eight bytes


def text_frames(texts: Iterable[bytes]) -> bytes:
    """A complete frame for each UTF-8 text, joined. What a server sends is neither masked nor compressed."""
    parts: list[bytes] = []
    for text in texts:
        parts += (header(len(text)), text)
    return b"".join(parts)


def header(length: int) -> bytes:
    """The head of an unfragmented text frame with so many bytes of payload."""
    if length < LENGTH_16:
        return bytes((FINAL_TEXT, length))
    if length < 1 << 16:
        return struct.pack("!BBH", FINAL_TEXT, LENGTH_16, length)
    return struct.pack("!BBQ", FINAL_TEXT, LENGTH_64, length)
