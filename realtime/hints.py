"""Wake-ups: "stream X has reached seq N", told to every hub after a commit; and "principal X has a newer
connection, number N".

A hint carries no payload and may be lost, doubled or late: hubs read the table and compare positions
every second anyway. So it is sent without retries, within a tenth of a second, and never makes a
writer wait. The hub of this process is told directly; the others through one group of the channel layer.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from uuid import UUID

from channels.layers import InMemoryChannelLayer, get_channel_layer
from django.db import transaction

GROUP = "realtime.hubs"
MESSAGE = "realtime.hint"
STREAM, CONNECTION = "stream", "connection"  # what a hint is about
TIMEOUT = 0.1  # seconds

Listener = Callable[[UUID, int], None]

logger = logging.getLogger(__name__)
_local_listener: Listener | None = None


def listen(listener: Listener | None) -> None:
    """Register the hub of this process (or None to leave). Called from any thread."""
    global _local_listener
    _local_listener = listener


def send_on_commit(stream_id: UUID, seq: int) -> None:
    """Send a hint once the surrounding transaction, if any, is committed."""
    transaction.on_commit(lambda: send(stream_id, seq), robust=True)


def send(stream_id: UUID, seq: int) -> None:
    if _local_listener is not None:
        _local_listener(stream_id, seq)
    if not isinstance(get_channel_layer(), InMemoryChannelLayer):
        _sender.send(STREAM, str(stream_id), seq)


def connection_opened(principal_id: str, generation: int) -> None:
    """Tell the other processes, one of which may have the connection that this one replaces."""
    if not isinstance(get_channel_layer(), InMemoryChannelLayer):
        _sender.send(CONNECTION, principal_id, generation)


class Sender:
    """An event loop in a thread of its own, so that synchronous writers can use the channel layer.

    Hints about one stream, or one principal, are merged while one is on its way.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: dict[tuple[str, str], int] = {}
        self._sending = False

    def send(self, about: str, name: str, number: int) -> None:
        with self._lock:
            idle, self._sending = not self._sending, True
            self._waiting[about, name] = max(number, self._waiting.get((about, name), 0))
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, name="hints", daemon=True).start()
        if idle:
            asyncio.run_coroutine_threadsafe(self._flush(), self._loop)

    async def _flush(self) -> None:
        while waiting := self._take():
            hints = [[about, name, number] for (about, name), number in waiting.items()]
            message = {"type": MESSAGE, "hints": hints}
            try:
                await asyncio.wait_for(get_channel_layer().group_send(GROUP, message), TIMEOUT)
            except Exception as error:  # whatever Redis does, the writer's work is already safe
                logger.debug("hint not sent: %r", error)

    def _take(self) -> dict[tuple[str, str], int]:
        """What has gathered meanwhile. Nothing: the sender is idle from now on."""
        with self._lock:
            waiting, self._waiting = self._waiting, {}
            self._sending = bool(waiting)
        return waiting


_sender = Sender()
