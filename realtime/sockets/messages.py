"""What a client may say on a socket: JSON text, read with care. No state, no I/O."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from realtime.events import MAX_CURSOR
from realtime.topics import Channel

MAX_FRAME = 16 * 1024  # bytes a client may send at once
MAX_SUBSCRIPTIONS = 100

Fields = dict[str, Any]


class BadFrame(Exception):
    """A frame the client should not have sent; the socket stays open. `data` are further fields."""

    def __init__(self, code: str, message: str, *, retryable: bool = False, **data: Any) -> None:
        self.data = {"code": code, "message": message, "retryable": retryable, **data}
        super().__init__(message)


def parse(text: str | None) -> Fields:
    """The object in a text frame; None stands for a binary frame."""
    if text is None:
        raise BadFrame("BINARY_FRAME", "frames must be JSON text")
    if len(text) > MAX_FRAME or len(text.encode("utf-8", "surrogatepass")) > MAX_FRAME:
        raise BadFrame("FRAME_TOO_LARGE", f"frames may have at most {MAX_FRAME} bytes")
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        raise BadFrame("INVALID_JSON", "frame is not valid JSON") from None
    return fields(message)


def fields(value: object) -> Fields:
    if not isinstance(value, dict):
        raise BadFrame("INVALID_JSON", "frame must be a JSON object")
    return value


def entity(message: Fields) -> UUID:
    try:
        return UUID(message["entity_id"])
    except (KeyError, TypeError, ValueError, AttributeError):
        raise BadFrame("INVALID_ENTITY", "entity_id must be a UUID") from None


def channel(message: Fields) -> str:
    name = message.get("channel")
    if not isinstance(name, str) or name not in Channel.values:
        raise BadFrame("UNKNOWN_CHANNEL", "channel is not one of the available channels")
    return name


def cursor(message: Fields) -> int:
    """The number of the last event that the client has; none means 0."""
    number = message.get("cursor", 0)
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= MAX_CURSOR:
        raise BadFrame("INVALID_CURSOR", "cursor must be a whole number from 0")
    return number


def subscriptions(message: Fields) -> list[object]:
    """What a frame subscribes to: its list, or else itself."""
    wanted = message.get("subscriptions", [message])
    if not isinstance(wanted, list) or not 0 < len(wanted) <= MAX_SUBSCRIPTIONS:
        text = f"subscriptions must be a list of 1 to {MAX_SUBSCRIPTIONS} objects"
        raise BadFrame("INVALID_SUBSCRIPTIONS", text)
    return wanted


def token(message: Fields) -> str:
    value = message.get("token")
    if not isinstance(value, str) or not value:
        raise BadFrame("INVALID_TOKEN", "token must be a session token or a JWT")
    return value
