"""A TCP proxy between the clients and the web processes, which breaks connections in every way there is."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import socket
import struct
from collections.abc import Callable, Sequence

from manticscore.chaos.processes import HOST

CHUNK = 16 * 1024
# Closing sends RST instead of FIN when nothing may linger.
ABRUPTLY = struct.pack("ii", 1, 0)


class Link:
    """One client's connection and the one to a web process behind it."""

    def __init__(
        self,
        client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        server: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        self._from_client, self._to_client = client
        self._from_server, self._to_server = server
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._swallowing = False
        self._abandoned = False

    async def run(self) -> None:
        """Until either side hangs up, unless a fault keeps the other one from hearing of it."""
        up = asyncio.create_task(self._pump(self._from_client, self._to_server))
        down = asyncio.create_task(self._pump(self._from_server, self._to_client))
        try:
            await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
            if self._swallowing:
                await up  # the client has to find out by itself
            if self._abandoned:
                await self._flowing.wait()
        finally:
            for task in (up, down):
                task.cancel()
            await asyncio.gather(up, down, return_exceptions=True)
            for writer in (self._to_client, self._to_server):
                writer.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(CHUNK):
                await self._flowing.wait()
                if not self._swallowing:
                    writer.write(data)
                    await writer.drain()

    # --- Faults -----------------------------------------------------------------------------------

    def cut(self) -> None:
        """FIN in both directions, in the middle of whatever is said."""
        self._to_client.close()
        self._to_server.close()

    def reset(self) -> None:
        """RST in both directions."""
        for writer in (self._to_client, self._to_server):
            linger = writer.get_extra_info("socket")
            if linger is not None:
                with contextlib.suppress(OSError):
                    linger.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABRUPTLY)
            writer.transport.abort()

    def blackhole(self) -> None:
        """Both sides believe in a connection on which nothing arrives any more."""
        self._swallowing = True

    def half_open(self) -> None:
        """The client is gone, and until `flow` the server is not told: nobody reads what it sends."""
        self._abandoned = True
        self._flowing.clear()
        self._to_client.transport.abort()

    def stall(self) -> None:
        """Nothing is read from either side, so that buffers fill, until `flow`."""
        self._flowing.clear()

    def flow(self) -> None:
        self._flowing.set()


class Proxy:
    """Listens for clients; each connection goes to the next web process that answers."""

    def __init__(self, ports: Sequence[int]) -> None:
        self._ports = itertools.cycle(ports)
        self._count = len(ports)
        self._links: dict[Link, None] = {}  # in the order in which they were opened
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.accepted = 0

    async def start(self) -> str:
        """Where it listens."""
        self._server = await asyncio.start_server(self._accept, HOST, 0)
        return f"http://{HOST}:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def strike(self, fault: Callable[[Link], None], share: float, chance: random.Random) -> list[Link]:
        """Do that to a share of the open links, at least to one; returns those."""
        links = list(self._links)
        hit = chance.sample(links, min(len(links), max(1, round(len(links) * share))))
        for link in hit:
            fault(link)
        return hit

    def heal(self) -> None:
        """Nothing is held back any longer."""
        for link in list(self._links):
            link.flow()

    def end_all(self) -> None:
        for link in list(self._links):
            link.reset()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        behind = await self._connect()
        if behind is None:
            writer.close()
            return
        link = Link((reader, writer), behind)
        self._links[link] = None
        try:
            await link.run()
        finally:
            self._links.pop(link, None)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        for port in itertools.islice(self._ports, self._count):
            with contextlib.suppress(OSError):
                return await asyncio.open_connection(HOST, port)
        return None
