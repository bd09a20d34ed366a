"""The rules of a WebSocket connection without I/O (spec: websocket).

Inputs are text frames, answers to questions and the time; outputs are actions for the consumer to
carry out. Time is in seconds of any monotonic clock.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from realtime.events import MAX_CURSOR, frame
from realtime.topics import Channel

PING_INTERVAL = 30.0
IDLE_TIMEOUT = 90.0
MAX_SUBSCRIPTIONS = 100
MAX_FRAME = 16 * 1024  # characters a client may send at once

NORMAL = 1000
AUTH_EXPIRED = 4001
INVALID_TOKEN = 4002


@dataclass(frozen=True, slots=True)
class Send:
    """Write this frame."""

    frame: bytes


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Check access to the stream and follow it from the cursor."""

    entity_id: UUID
    channel: str
    cursor: int


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """Stop following."""

    entity_id: UUID


@dataclass(frozen=True, slots=True)
class Close:
    """Close the connection with this code."""

    code: int


Action = Send | Subscribe | Unsubscribe | Close


class BadFrame(Exception):
    """A frame the client should not have sent; the socket stays open."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


class SocketSession:
    """One connection's state: what is subscribed, when something was last heard or said."""

    def __init__(self, now: float) -> None:
        self.subscriptions: set[UUID] = set()
        self._active_at = now
        self._pinged_at = now

    def opened(self, user_id: str, server_time: str) -> list[Action]:
        return [Send(frame("connected", {"user_id": user_id, "server_time": server_time}))]

    def received(self, text: str | None, now: float) -> list[Action]:
        """A frame from the client; None stands for a binary one."""
        self._active_at = now
        try:
            return self._act(parse(text))
        except BadFrame as error:
            return [Send(frame("error", {"code": error.code, "message": str(error), "retryable": False}))]

    def _act(self, message: dict[str, Any]) -> list[Action]:
        match message.get("action"):
            case "ping":
                return [Send(frame("pong"))]
            case "subscribe":
                return self._subscribe(message)
            case "unsubscribe":
                entity_id = entity(message)
                self.subscriptions.discard(entity_id)
                return [Unsubscribe(entity_id)]
        raise BadFrame("UNKNOWN_ACTION", "action must be subscribe, unsubscribe or ping")

    def _subscribe(self, message: dict[str, Any]) -> list[Action]:
        """Subscribing again moves the cursor: the older subscription ends first."""
        entity_id = entity(message)
        channel = message.get("channel")
        if channel not in Channel.values:
            raise BadFrame("UNKNOWN_CHANNEL", "channel is not one of the available channels")
        cursor = message.get("cursor", 0)
        if not isinstance(cursor, int) or isinstance(cursor, bool) or not 0 <= cursor <= MAX_CURSOR:
            raise BadFrame("INVALID_CURSOR", "cursor must be a whole number from 0")
        again: list[Action] = [Unsubscribe(entity_id)] if entity_id in self.subscriptions else []
        if not again and len(self.subscriptions) >= MAX_SUBSCRIPTIONS:
            raise BadFrame("TOO_MANY_SUBSCRIPTIONS", f"at most {MAX_SUBSCRIPTIONS} subscriptions")
        self.subscriptions.add(entity_id)
        return [*again, Subscribe(entity_id, channel, cursor)]

    def denied(self, entity_id: UUID) -> list[Action]:
        """Access was refused. Foreign and unknown entities get the same answer."""
        self.subscriptions.discard(entity_id)
        data = {"code": "NOT_FOUND", "message": "Not found", "retryable": False, "entity_id": str(entity_id)}
        return [Send(frame("error", data))]

    def subscribed(self, entity_id: UUID, channel: str, replayed: int) -> list[Action]:
        data = {"entity_id": str(entity_id), "channel": channel, "replayed": replayed}
        return [Send(frame("subscribed", data))]

    def ended(self, entity_id: UUID) -> None:
        """The stream's end was forwarded: the subscription is over without a frame of its own."""
        self.subscriptions.discard(entity_id)

    def delivered(self, now: float) -> None:
        """Events went out, which keeps the connection alive; our own pings do not."""
        self._active_at = now

    def auth_ended(self) -> list[Action]:
        return [Send(frame("auth_expired")), Close(AUTH_EXPIRED)]

    def tick(self, now: float) -> list[Action]:
        if now - self._active_at >= IDLE_TIMEOUT:
            return [Close(NORMAL)]
        if now - self._pinged_at >= PING_INTERVAL:
            self._pinged_at = now
            return [Send(frame("ping"))]
        return []

    def next_tick(self, now: float) -> float:
        """Seconds until `tick` has something to do."""
        return max(0.0, min(self._active_at + IDLE_TIMEOUT, self._pinged_at + PING_INTERVAL) - now)


def parse(text: str | None) -> dict[str, Any]:
    if text is None:
        raise BadFrame("BINARY_FRAME", "frames must be JSON text")
    if len(text) > MAX_FRAME:
        raise BadFrame("FRAME_TOO_LARGE", f"frames may have at most {MAX_FRAME} characters")
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        raise BadFrame("INVALID_JSON", "frame is not valid JSON") from None
    if not isinstance(message, dict):
        raise BadFrame("INVALID_JSON", "frame must be a JSON object")
    return message


def entity(message: dict[str, Any]) -> UUID:
    try:
        return UUID(message["entity_id"])
    except (KeyError, TypeError, ValueError, AttributeError):
        raise BadFrame("INVALID_ENTITY", "entity_id must be a UUID") from None
