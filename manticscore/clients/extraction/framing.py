"""Messages over a pipe: four bytes of length, then the message."""

from __future__ import annotations

from typing import IO

MAX_MESSAGE = 32 * 1024 * 1024


def write(file: IO[bytes], message: bytes) -> None:
    file.write(len(message).to_bytes(4, "big") + message)
    file.flush()


def read(file: IO[bytes]) -> bytes | None:
    """The next message; None at the end, and for one that is cut off or too long."""
    head = file.read(4)
    length = int.from_bytes(head, "big")
    if len(head) < 4 or length > MAX_MESSAGE:
        return None
    message = file.read(length)
    return message if len(message) == length else None
