"""A load balancer as simple as there is: every new TCP connection goes to the next server in turn."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

CHUNK = 65536


class Balancer:
    """Has the `url` and `port` that a server has; `taken` counts the connections of each server."""

    def __init__(self, ports: Sequence[int]) -> None:
        self.port = 0
        self.taken = dict.fromkeys(ports, 0)
        self._turn = itertools.cycle(ports)
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._stop = asyncio.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    def start(self) -> threading.Thread:
        thread = threading.Thread(target=self.run, name="balancer")
        thread.start()
        self._started.wait()
        return thread

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._started.set()
        await self._stop.wait()
        server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        port = next(self._turn)
        self.taken[port] += 1
        with suppress(OSError, asyncio.CancelledError):
            there, here = await asyncio.open_connection("127.0.0.1", port)
            await asyncio.gather(pump(reader, here), pump(there, writer))


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Everything from one side to the other, until either is done."""
    try:
        while chunk := await reader.read(CHUNK):
            writer.write(chunk)
            await writer.drain()
    finally:
        writer.close()


@contextmanager
def balancer(ports: Sequence[int]) -> Iterator[Balancer]:
    made = Balancer(ports)
    thread = made.start()
    try:
        yield made
    finally:
        made.stop()
        thread.join()
