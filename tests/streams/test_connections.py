"""Which of a principal's connections may stay, with the real table and hubs that do not hear each other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import psycopg
import pytest
from channels.layers import channel_layers
from django.conf import LazySettings

from accounts.models import Principal
from realtime import hub as hubs
from realtime.connections import EVICTION_INTERVAL, EVICTIONS, Connections, Seat, TooManyConnections
from realtime.hub import Hub
from realtime.models import Connection
from tests.helpers import people
from tests.helpers.loops import PATIENCE, in_thread, until
from tests.helpers.redis import PrivateRedis, private_redis


class Client:
    """Opens connections for one principal and remembers which were replaced."""

    def __init__(self, principal: Principal) -> None:
        self.id = str(principal.pk)
        self.replaced: list[int] = []

    async def open(self, connections: Connections) -> Seat:
        seat = await connections.open(self.id, lambda: self.replaced.append(seat.generation))
        return seat


@pytest.fixture
def no_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hubs, "SWEEP_INTERVAL", 3600.0)


@pytest.fixture
async def client(hub: Hub) -> Client:
    return Client((await in_thread(people.person, "ada")).principal)


@pytest.fixture
async def other_hub(hub: Hub) -> AsyncIterator[Hub]:
    """As another process has it."""
    started = Hub(hubs.conninfo())
    await started.start()
    yield started
    await started.stop()


async def test_connections_are_numbered_and_the_newest_stays(
    no_sweep: None, hub: Hub, client: Client
) -> None:
    seats = [await client.open(hub.connections) for _ in range(3)]
    assert [seat.generation for seat in seats] == [1, 2, 3]
    assert client.replaced == [1, 2]
    assert len(hub.connections) == 1


async def test_the_answers_of_the_database_may_arrive_in_another_order(hub: Hub, client: Client) -> None:
    newer = await client.open(hub.connections)
    replaced: list[str] = []
    hub.connections._take(Seat(client.id, newer.generation - 1, lambda: replaced.append("older")))
    assert (replaced, client.replaced) == (["older"], [])


async def test_the_sweep_finds_what_no_hint_told(hub: Hub, other_hub: Hub, client: Client) -> None:
    older = await client.open(hub.connections)
    newer = await client.open(other_hub.connections)
    await until(lambda: client.replaced)
    await hub.connections.sweep()
    await other_hub.connections.sweep()
    assert client.replaced == [older.generation]
    assert newer.generation > older.generation


async def test_old_and_doubled_hints_replace_nobody(hub: Hub, client: Client) -> None:
    seat = await client.open(hub.connections)
    for generation in (0, seat.generation - 1, seat.generation, seat.generation):
        hub.connections.known(client.id, generation)
    hub.connections.known("user_nobody", 100)
    assert client.replaced == []
    for _ in range(2):
        hub.connections.known(client.id, seat.generation + 1)
    assert client.replaced == [seat.generation]


async def test_only_connections_that_replace_one_count(no_sweep: None, hub: Hub, client: Client) -> None:
    for _ in range(EVICTIONS + 10):
        await hub.connections.close(await client.open(hub.connections))
    for _ in range(EVICTIONS + 1):
        await client.open(hub.connections)
    assert len(client.replaced) == EVICTIONS
    with pytest.raises(TooManyConnections) as refused:
        await client.open(hub.connections)
    assert 0 < refused.value.retry_after <= EVICTION_INTERVAL
    assert len(client.replaced) == EVICTIONS
    assert len(hub.connections) == 1


async def test_the_allowance_fills_with_time(no_sweep: None, hub: Hub, client: Client) -> None:
    for _ in range(EVICTIONS + 1):
        await client.open(hub.connections)
    for _ in range(2):
        await in_thread(pass_time, client.id, EVICTION_INTERVAL)
        await client.open(hub.connections)
        with pytest.raises(TooManyConnections):
            await client.open(hub.connections)


def pass_time(principal_id: str, seconds: float) -> None:
    row = Connection.objects.get(principal=principal_id)
    row.busy_until -= timedelta(seconds=seconds)
    row.save(update_fields=["busy_until"])


async def test_a_process_that_died_costs_one_eviction_and_blocks_nobody(
    no_sweep: None, hub: Hub, other_hub: Hub, client: Client
) -> None:
    await client.open(other_hub.connections)  # and is never closed
    for _ in range(EVICTIONS + 10):
        await hub.connections.close(await client.open(hub.connections))
    assert client.replaced == []


async def test_the_end_of_a_replaced_connection_changes_nothing(
    no_sweep: None, hub: Hub, client: Client
) -> None:
    older, newer = [await client.open(hub.connections) for _ in range(2)]
    await hub.connections.close(older)
    assert len(hub.connections) == 1
    assert await in_thread(row_of, client.id) == (2, True)
    await hub.connections.close(newer)
    assert await in_thread(row_of, client.id) == (2, False)


def row_of(principal_id: str) -> tuple[int, bool]:
    row = Connection.objects.get(principal=principal_id)
    return row.generation, row.is_open


async def test_a_connection_can_end_while_the_database_is_away(
    hub: Hub, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    seat = await client.open(hub.connections)

    async def away(*args: object) -> list[tuple[object, ...]]:
        raise psycopg.OperationalError("the connection is lost")

    monkeypatch.setattr(hub.batches, "_fetch", away)
    await hub.connections.close(seat)
    assert len(hub.connections) == 0


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateRedis]:
    with private_redis(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture
def over_redis(redis: PrivateRedis, settings: LazySettings) -> Iterator[None]:
    backend = "channels_redis.pubsub.RedisPubSubChannelLayer"
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": backend, "CONFIG": {"hosts": [redis.url]}}}
    channel_layers.backends.clear()
    yield
    channel_layers.backends.clear()


async def test_a_hint_reaches_the_other_process_before_any_sweep(
    over_redis: None, no_sweep: None, hub: Hub, other_hub: Hub, client: Client
) -> None:
    first = await client.open(hub.connections)
    async with asyncio.timeout(PATIENCE):
        while not client.replaced:  # a hint that is sent before the hub has subscribed may be lost
            newer = await client.open(other_hub.connections)
            await asyncio.sleep(0.05)
            await other_hub.connections.close(newer)
    assert client.replaced == [first.generation]
