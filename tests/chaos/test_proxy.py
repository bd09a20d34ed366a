"""The proxy of the chaos runs: what each of its faults looks like from both ends."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from manticscore.chaos.processes import HOST, free_port
from manticscore.chaos.proxy import Link, Proxy

Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]
CHANCE = random.Random(1)
WAIT = 5.0


@asynccontextmanager
async def connected(*more_ports: int) -> AsyncIterator[tuple[Proxy, Ends, Ends]]:
    """A proxy, the client's end and the server's."""
    arrived: asyncio.Queue[Ends] = asyncio.Queue()
    server = await asyncio.start_server(lambda *ends: arrived.put_nowait(ends), HOST, 0)
    proxy = Proxy([*more_ports, server.sockets[0].getsockname()[1]])
    port = int((await proxy.start()).rsplit(":", 1)[1])
    client = await asyncio.open_connection(HOST, port)
    behind = await asyncio.wait_for(arrived.get(), WAIT)
    client[1].write(b"hello")
    assert await asyncio.wait_for(behind[0].readexactly(5), WAIT) == b"hello"
    try:
        yield proxy, client, behind
    finally:
        for _, writer in (client, behind):
            writer.close()
        await proxy.stop()
        server.close()


async def is_silent(reader: asyncio.StreamReader) -> bool:
    reading = asyncio.ensure_future(reader.read(1))
    done, _ = await asyncio.wait([reading], timeout=0.05)
    reading.cancel()
    return not done


async def test_both_directions_flow() -> None:
    async with connected() as (_, client, server):
        server[1].write(b"answer")
        assert await asyncio.wait_for(client[0].readexactly(6), WAIT) == b"answer"


async def test_a_port_that_is_closed_is_passed_over() -> None:
    async with connected(free_port()) as (proxy, _, _):
        assert proxy.accepted == 1


async def test_cut_ends_both_sides() -> None:
    async with connected() as (proxy, client, server):
        assert len(proxy.strike(Link.cut, 1.0, CHANCE)) == 1
        assert await asyncio.wait_for(client[0].read(), WAIT) == b""
        assert await asyncio.wait_for(server[0].read(), WAIT) == b""


async def test_reset_is_no_orderly_end() -> None:
    async with connected() as (proxy, client, server):
        proxy.strike(Link.reset, 1.0, CHANCE)
        for reader, _ in (client, server):
            with pytest.raises(ConnectionResetError):
                await asyncio.wait_for(reader.read(), WAIT)


async def test_in_a_blackhole_nobody_hears_anything() -> None:
    async with connected() as (proxy, client, server):
        proxy.strike(Link.blackhole, 1.0, CHANCE)
        client[1].write(b"is anybody there?")
        server[1].write(b"yes")
        assert await is_silent(client[0])
        assert await is_silent(server[0])


async def test_a_half_open_connection_is_gone_on_one_side() -> None:
    async with connected() as (proxy, client, server):
        (link,) = proxy.strike(Link.half_open, 1.0, CHANCE)
        assert await asyncio.wait_for(client[0].read(), WAIT) == b""
        assert await is_silent(server[0])
        link.flow()
        assert await asyncio.wait_for(server[0].read(), WAIT) == b""


async def test_a_stalled_connection_loses_nothing() -> None:
    async with connected() as (proxy, client, server):
        proxy.strike(Link.stall, 1.0, CHANCE)
        server[1].write(b"late")
        assert await is_silent(client[0])
        proxy.heal()
        assert await asyncio.wait_for(client[0].readexactly(4), WAIT) == b"late"
