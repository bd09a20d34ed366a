"""Several processes on one PostgreSQL and one Redis: what one appends, followers at every other one see."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import suppress

import pytest
from channels.layers import channel_layers

from realtime import hints, publish, replay
from realtime import hub as hubs
from realtime.bell import Bell
from realtime.events import ProgressEvent
from tests import factories
from tests.helpers import people
from tests.helpers.installation import Installation, Server, fresh_database
from tests.helpers.loops import PATIENCE, in_thread
from tests.helpers.redis import PrivateRedis, private_redis
from tests.helpers.visitors import Visitor


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateRedis]:
    with private_redis(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture(scope="module")
def servers(
    prepared: str, redis: PrivateRedis, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Server, Server]]:
    """Two web processes without a worker, and a worker of its own."""
    with fresh_database("scaled", template=prepared) as url:
        scaled = Installation(tmp_path_factory.mktemp("scaled"), url, REDIS_URL=redis.url)
        with scaled.serve("--no-worker") as first, scaled.serve("--no-worker") as second, scaled.work():
            first.says("Listening on")
            second.says("Listening on")
            yield first, second


@pytest.fixture
def both(servers: tuple[Server, Server]) -> Iterator[tuple[Visitor, Visitor]]:
    """The same person at either process."""
    with Visitor(servers[0]) as here, Visitor(servers[1], token=here.token) as there:
        yield here, there


def test_a_job_started_at_one_process_is_followed_at_another(both: tuple[Visitor, Visitor]) -> None:
    here, there = both
    job_id = here.start()
    lines = there.lines(job_id)
    assert b'"event":"done"' in lines[-1]
    assert lines[1:] == here.lines(job_id)[1:]


def test_without_redis_everything_still_arrives(both: tuple[Visitor, Visitor], redis: PrivateRedis) -> None:
    here, there = both
    redis.send(signal.SIGKILL)
    try:
        assert there.events(here.start())[-1]["event"] == "done"
    finally:
        redis.start()


def test_a_redis_that_hangs_stops_nobody(both: tuple[Visitor, Visitor], redis: PrivateRedis) -> None:
    here, there = both
    redis.send(signal.SIGSTOP)
    try:
        assert there.events(here.start())[-1]["event"] == "done"
    finally:
        redis.send(signal.SIGCONT)


async def test_a_hint_reaches_a_hub_through_redis(
    redis: PrivateRedis, settings, monkeypatch: pytest.MonkeyPatch, transactional_db: None
) -> None:
    """Neither the direct way inside a process nor the sweep is there to help."""
    backend = "channels_redis.pubsub.RedisPubSubChannelLayer"
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": backend, "CONFIG": {"hosts": [redis.url]}}}
    channel_layers.backends.clear()
    monkeypatch.setattr(hubs, "SWEEP_INTERVAL", 3600.0)
    hub = hubs.Hub(hubs.conninfo())
    await hub.start()
    hints.listen(None)
    try:
        stream = await in_thread(lambda: factories.stream(people.person("ada").principal))
        bell = Bell()
        with hub.watch(stream.id, 0, bell) as topic:
            await replay.positioned(topic, bell)
            event = ProgressEvent(stage="search", message="looking")
            while topic.head == 0:  # a hint that is sent before the hub has subscribed may be lost
                await in_thread(lambda: publish.append(stream.id, stream.attempt, [event]))
                with suppress(TimeoutError):
                    await asyncio.wait_for(bell.sleep(), 1)
            assert topic.head > 0
    finally:
        await asyncio.wait_for(hub.stop(), PATIENCE)
        channel_layers.backends.clear()
