"""A whole installation: two servers and two workers on one PostgreSQL and one Redis, behind a balancer."""

from __future__ import annotations

import json
import signal
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from redis import Redis

from realtime import hints
from tests.helpers.balancer import Balancer, balancer
from tests.helpers.installation import Installation, Server, fresh_database, until
from tests.helpers.redis import PrivateRedis, private_redis
from tests.helpers.visitors import Visitor
from tests.streams.rows import append, open_stream

ENOUGH = 2.5  # seconds: promised for an event of which no hint came


@dataclass
class Fleet:
    installation: Installation
    servers: tuple[Server, Server]
    front: Balancer
    redis: PrivateRedis

    def listening(self) -> int:
        """How many hubs receive hints through Redis."""
        with Redis.from_url(self.redis.url) as client:
            ((_, number),) = client.pubsub_numsub(f"asgi__group__{hints.GROUP}")
        return int(number)


@pytest.fixture(scope="module")
def fleet(prepared: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    directory = tmp_path_factory.mktemp("fleet")
    with fresh_database("fleet", template=prepared) as url, private_redis(directory) as redis:
        # A job needs one worker; one at a time, so that both get some.
        of_all = {"REDIS_URL": redis.url, "STREAM_HEARTBEAT": "1", "WORKER_CONCURRENCY": "1"}
        made = Installation(directory, url, **of_all)
        with (
            made.serve("--no-worker") as one,
            made.serve("--no-worker") as other,
            made.work(),
            made.work(),
            balancer([one.port, other.port]) as front,
        ):
            yield Fleet(made, (one, other), front, redis)


@pytest.fixture
def ada(fleet: Fleet) -> Iterator[Visitor]:
    """Comes through the balancer."""
    with Visitor(fleet.front) as made:
        yield made


@pytest.fixture
def doors(fleet: Fleet, ada: Visitor) -> Iterator[list[Visitor]]:
    """Ada at the balancer, and past it at either server."""
    with Visitor(fleet.servers[0], ada.token) as one, Visitor(fleet.servers[1], ada.token) as other:
        yield [ada, one, other]


def test_whatever_a_worker_does_is_seen_at_every_door(fleet: Fleet, doors: list[Visitor]) -> None:
    ada = doors[0]
    job_ids = [ada.start(f"a recipe box, number {number}") for number in range(4)]
    with ada.socket() as socket, ThreadPoolExecutor(12) as readers:
        for job_id in job_ids:
            socket.subscribe(job_id)
        reading = [(job_id, readers.submit(door.lines, job_id)) for job_id in job_ids for door in doors]
        told = {job_id: future.result()[1:] for job_id, future in reading}
        assert all(future.result()[1:] == told[job_id] for job_id, future in reading)
        frames = [socket.frame() for _ in range(sum(map(len, told.values())) + len(job_ids))]
    for job_id, lines in told.items():
        numbers = [json.loads(line)["data"]["seq"] for line in lines]
        assert numbers == list(range(1, len(lines) + 1))
        assert [frame for frame in frames if job_id.encode() in frame and b"subscribed" not in frame] == lines
    workers = "SELECT count(DISTINCT worker_id) FROM procrastinate_jobs WHERE lock = ANY(%s)"
    assert fleet.installation.query(workers, job_ids) == [(2,)]
    assert all(fleet.front.taken.values()), "the balancer used both servers"


def test_a_session_ends_at_every_door(doors: list[Visitor]) -> None:
    ada = doors[0]
    assert [door.http.get("/profile").status_code for door in doors] == [200, 200, 200]
    assert ada.http.delete("/auth/session").status_code == 200
    assert [door.http.get("/profile").status_code for door in doors] == [401, 401, 401]


def test_redis_dies_and_nothing_is_late_for_long(fleet: Fleet, doors: list[Visitor]) -> None:
    """And when it is back, the servers listen again by themselves."""
    ada, installation = doors[0], fleet.installation
    stream_id = open_stream(installation, ada)
    with ada.stream(stream_id) as response, ada.socket() as socket:
        lines = response.iter_lines()
        assert "stream_start" in next(lines)
        socket.subscribe(stream_id)
        socket.until("subscribed")
        until(lambda: fleet.listening() == 2, "both hubs to listen")
        fleet.redis.send(signal.SIGKILL)
        lags = [lag(installation, stream_id, f"event {number}", lines, socket) for number in range(5)]
        assert statistics.median(lags) < ENOUGH, lags
        assert ada.events(ada.start("a recipe box without Redis"))[-1]["event"] == "done"
        assert [door.http.get("/readyz").json()["status"] for door in doors] == ["degraded"] * 3
        fleet.redis.start()
        until(lambda: fleet.listening() == 2, "both hubs to listen again")
        lag(installation, stream_id, "the last one", lines, socket)
    until(lambda: {door.http.get("/readyz").json()["status"] for door in doors} == {"ready"}, "readiness")


def lag(installation: Installation, stream_id: str, message: str, lines: Iterator[str], socket) -> float:
    """Store an event, tell nobody, and return after how long it has arrived over both transports."""
    append(installation, stream_id, message)
    began = time.monotonic()
    line = next(line for line in lines if '"event":"ping"' not in line)
    frame = socket.until("progress")[-1]
    assert json.loads(line) == frame
    assert frame["data"]["message"] == message
    return time.monotonic() - began
