"""How long to wait for what."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """All in seconds. The defaults suit a server on the internet."""

    connect: float = 10.0
    answer: float = 30.0
    stream_silence: float = 45.0
    """An NDJSON stream that is silent for so long is dead: its server gives a sign of life every 15 s."""
    socket_silence: float = 75.0
    """A WebSocket that is silent for so long is dead: its server gives a sign of life every 30 s."""
    keepalive: float = 30.0
    """Between the WebSocket client's own signs of life; after 90 s without one the server hangs up."""
    first_wait: float = 0.5
    """Before the first attempt to come back. Doubled with every further one, and jittered."""
    longest_wait: float = 30.0
    patience: float = 300.0
    """For so long nothing may come through before ConnectionLost is raised."""
    renew_ahead: float = 300.0
    """A session is renewed so long before it expires, or at half of its life if that is later."""
