"""One connection for each user, over two real web processes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import AsyncExitStack

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.helpers.installation import Installation, Server, fresh_database
from tests.helpers.loops import in_thread, until
from tests.helpers.redis import PrivateRedis, private_redis
from tests.helpers.visitors import Visitor

REPLACED = 4003
Servers = tuple[Server, Server]


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateRedis]:
    with private_redis(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture(scope="module")
def scaled(
    prepared: str, redis: PrivateRedis, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    with fresh_database("sockets", template=prepared) as url:
        yield Installation(tmp_path_factory.mktemp("sockets"), url, REDIS_URL=redis.url)


@pytest.fixture(scope="module")
def servers(scaled: Installation) -> Iterator[Servers]:
    with scaled.serve("--no-worker") as first, scaled.serve("--no-worker") as second:
        first.says("Listening on")
        second.says("Listening on")
        yield first, second


@pytest.fixture(params=[0, 1], ids=["same process", "other process"])
def second_server(servers: Servers, request: pytest.FixtureRequest) -> Server:
    return servers[request.param]


def test_the_newer_connection_replaces_the_older(servers: Servers, second_server: Server) -> None:
    with (
        Visitor(servers[0]) as here,
        Visitor(second_server, token=here.token) as there,
        here.socket() as older,
        there.socket() as newer,
    ):
        assert older.rest() == []
        assert older.connection.close_code == REPLACED
        assert older.connection.close_reason == "replaced by a newer connection"
        assert newer.is_quiet()


def test_a_stranger_replaces_nobody(servers: Servers, second_server: Server) -> None:
    with (
        Visitor(servers[0]) as here,
        Visitor(second_server) as stranger,
        here.socket() as own,
        stranger.socket() as other,
    ):
        assert own.is_quiet()
        assert other.is_quiet()


def test_two_clients_that_replace_each_other_for_ever_are_slowed_down(
    servers: Servers, scaled: Installation
) -> None:
    with Visitor(servers[0]) as here, Visitor(servers[1], token=here.token) as there:
        with here.socket() as first:
            user_id = first.greeting[0]["data"]["user_id"]
            exhaust(scaled, user_id)
            with there.socket_as_it_comes() as second:
                error, *more = second.rest()
                assert (error["event"], more) == ("error", [])
                assert (error["data"]["code"], error["data"]["retryable"]) == ("TOO_MANY_CONNECTIONS", True)
                assert 0 < error["data"]["retry_after"] <= 30
                assert second.connection.close_code == 1013
            assert first.is_quiet(), "the one that is open stays"
        until_closed(scaled, user_id)
        with there.socket() as alone:
            assert alone.is_quiet(), "nobody is replaced, so nothing is taken from the allowance"


def exhaust(scaled: Installation, user_id: str) -> None:
    """As if the user had been replaced so often that the next time is in half an interval."""
    busy = "UPDATE realtime_connection SET busy_until = now() + interval '585 s' WHERE principal_id = %s"
    scaled.query(busy, user_id)


def until_closed(scaled: Installation, user_id: str) -> None:
    asked = "SELECT is_open FROM realtime_connection WHERE principal_id = %s"
    while scaled.query(asked, user_id) != [(False,)]:
        pass


class Contender:
    """One of several sockets that a user opens at once."""

    def __init__(self, server: Server, token: str) -> None:
        self._uri = f"ws://127.0.0.1:{server.port}/ws?token={token}"
        self.connection: ClientConnection | None = None

    async def open(self, opened: AsyncExitStack) -> None:
        self.connection = await opened.enter_async_context(connect(self._uri, compression=None))

    @property
    def close_code(self) -> int | None:
        assert self.connection is not None
        return self.connection.close_code

    async def answers(self) -> bool:
        assert self.connection is not None
        try:
            await self.connection.send(json.dumps({"action": "ping"}))
            while json.loads(await self.connection.recv())["event"] != "pong":
                pass
        except ConnectionClosed:
            return False
        return True


async def contend(servers: Servers, visitor: Visitor, opened: AsyncExitStack) -> Contender:
    """Open ten sockets at once; exactly one must be left."""
    contenders = [Contender(servers[number % 2], visitor.token) for number in range(10)]
    await asyncio.gather(*(contender.open(opened) for contender in contenders))
    await until(lambda: sum(contender.close_code == REPLACED for contender in contenders) >= 9)
    (survivor,) = [contender for contender in contenders if contender.close_code is None]
    assert await survivor.answers()
    return survivor


async def test_of_ten_that_open_at_once_exactly_the_newest_is_left(
    servers: Servers, scaled: Installation
) -> None:
    visitors = await in_thread(lambda: [Visitor(servers[0]) for _ in range(8)])
    async with AsyncExitStack() as opened:
        survivors = [await contend(servers, visitor, opened) for visitor in visitors]
        # A survivor that is not the newest would be found by the sweep of its process.
        for server in servers:
            await in_thread(wait_for_two_sweeps, server)
        assert [await survivor.answers() for survivor in survivors] == [True] * 8
    generations = "SELECT generation FROM realtime_connection WHERE generation >= 10"
    assert await in_thread(scaled.query, generations) == [(10,)] * 8
    for visitor in visitors:
        visitor.http.close()


def wait_for_two_sweeps(server: Server) -> None:
    """The same sweep that looks at connections finds ended sessions."""
    for _ in range(2):
        with Visitor(server) as witness, witness.socket() as socket:
            witness.http.delete("/auth/session")
            assert [frame["event"] for frame in socket.rest()] == ["auth_expired"]
