"""Wake-ups: "stream X has reached seq N", told to every hub after a commit; and "principal X has a newer
connection, number N".

A hint carries no payload and may be lost, doubled or late: hubs read the table and compare positions
every second anyway. So it is sent without retries, within a tenth of a second, and never makes a
writer wait. The hub of this process is told directly; the others through one group of the channel layer.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from uuid import UUID

from channels.layers import InMemoryChannelLayer, get_channel_layer
from django.db import transaction

GROUP = "realtime.hubs"
MESSAGE = "realtime.hint"
STREAM, CONNECTION = "stream", "connection"  # what a hint is about
TIMEOUT = 0.1  # seconds
PAUSE = 0.005  # seconds between two messages of a process that has more and more to tell

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
    """A thread of its own, so that synchronous writers can use the channel layer.

    A hint on its way costs several times what the append costs that it tells of. So hints about one stream,
    or one principal, are merged while others are on their way and for PAUSE after; the first goes at once.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._filled = threading.Event()
        self._waiting: dict[tuple[str, str], int] = {}
        self._thread: threading.Thread | None = None

    def send(self, about: str, name: str, number: int) -> None:
        with self._lock:
            self._waiting[about, name] = max(number, self._waiting.get((about, name), 0))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="hints", daemon=True)
                self._thread.start()
        self._filled.set()

    def _run(self) -> None:
        loop = asyncio.new_event_loop()
        while True:
            self._filled.wait()
            self._filled.clear()
            with self._lock:
                waiting, self._waiting = self._waiting, {}
            if waiting:
                loop.run_until_complete(self._flush(waiting))
            time.sleep(PAUSE)

    async def _flush(self, waiting: Mapping[tuple[str, str], int]) -> None:
        hints = [[about, name, number] for (about, name), number in waiting.items()]
        try:
            layer = get_channel_layer()
            await asyncio.wait_for(layer.group_send(GROUP, {"type": MESSAGE, "hints": hints}), TIMEOUT)
        except Exception as error:  # whatever Redis does, the writer's work is already safe
            logger.debug("hint not sent: %r", error)


_sender = Sender()


def _renew() -> None:
    """Threads stay behind when a process forks."""
    global _sender
    _sender = Sender()


os.register_at_fork(after_in_child=_renew)
