"""One connection's outgoing side: senders wait for room, and a peer that takes nothing is cut."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
import time
from typing import Any

from realtime import metrics

LINGER = 2.0  # seconds a peer gets to take the last bytes once we have nothing more to say
# Of Linux's struct tcp_info: segments in flight, bytes acknowledged so far, bytes not sent yet.
TCP_INFO = struct.Struct("=24xI92xQ16xI")

logger = logging.getLogger(__name__)


class Gate:
    """The producer that a Twisted transport pauses when its buffer is full and resumes when it is empty.

    Twisted counts 64 KiB as full, so at most that and one message wait in memory for each connection.
    """

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self._room: asyncio.Event | None = None  # present while the transport has none
        self.is_over = False  # closed or lost: what is sent from now on goes nowhere
        self._acknowledged = 0
        self._moved_at = time.monotonic()
        self.is_owed = False  # whether at the last look the peer had yet to take something

    @property
    def is_open(self) -> bool:
        return self._room is None

    async def room(self) -> None:
        """Return when the transport has room, or is over.

        One sender may fill it again, so the others look once more. A sender that goes on when nobody listens
        does not keep the event loop to itself.
        """
        while self._room is not None:
            await self._room.wait()
        if self.is_over:
            await asyncio.sleep(0)

    def pauseProducing(self) -> None:
        if self._room is None and not self.is_over:
            self._room = asyncio.Event()

    def resumeProducing(self) -> None:
        room, self._room = self._room, None
        if room is not None:
            room.set()

    def stopProducing(self) -> None:
        self.is_over = True
        self.resumeProducing()

    def check(self, now: float, patience: float) -> None:
        """To be called every now and then: cut the connection when nothing moved for so many seconds."""
        acknowledged = self._look()
        if not self.is_owed or acknowledged != self._acknowledged:
            self._acknowledged, self._moved_at = acknowledged, now
        elif now - self._moved_at >= patience:
            metrics.slow_readers_cut.inc()
            logger.info("cut a connection whose peer took nothing for %g s", patience)
            self._transport.abortConnection()

    def _look(self) -> int:
        """Update `is_owed`; return a number that changes whenever the peer takes something.

        What the kernel has taken from us says little: its own buffer holds megabytes, which a slow but
        willing reader takes minutes for. So the peer's acknowledgements count, where the kernel tells.
        """
        try:
            info = self._transport.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO.size)
            in_flight, acknowledged, unsent = TCP_INFO.unpack(info)
        except (AttributeError, OSError, struct.error):  # it does not tell, or the connection is lost
            self.is_owed = not self.is_open
            return int(self._transport.offset)
        self.is_owed = bool(in_flight or unsent or not self.is_open)
        return int(acknowledged)

    def close(self) -> None:
        """Say nothing more and give the peer time to take what was said.

        Closing outright while the peer still talks would make the kernel send a reset, which destroys our
        last words on their way.
        """
        self._transport.unregisterProducer()
        self.stopProducing()
        self._transport.resumeProducing()  # reading again: the peer's end shows there
        self._transport.loseWriteConnection()
        asyncio.get_running_loop().call_later(LINGER, self._transport.abortConnection)
