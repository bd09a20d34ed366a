"""Reading a long stream back: one client of the real server against a bare SELECT of the same rows."""

from __future__ import annotations

import http.client
import json
import time
import uuid
from statistics import median
from urllib.parse import urlsplit

import psycopg

from accounts import sessions
from accounts.models import Principal
from manticscore.benchmarks import Measurement
from manticscore.benchmarks.append import BATCH, EVENT
from manticscore.benchmarks.server import RunningServer
from realtime import publish
from realtime.events import DoneEvent, EventData
from realtime.models import Stream
from realtime.topics import Channel

SELECT_BARE = "SELECT seq, type, data::text FROM realtime_event WHERE stream_id = %s ORDER BY seq"
CHUNK = 1 << 16


class WrongReplay(Exception):
    """The server did not send the stream that was stored; its speed means nothing then."""


def measure(server: RunningServer, conninfo: str, rounds: int, events: int) -> list[Measurement]:
    """Replay a closed stream of `events` from its beginning, in turn with the bare SELECT."""
    owner = Principal.new_anonymous()
    stream = stored_stream(owner, events)
    token = sessions.mint(owner)
    replay(server, stream, token, events)  # the first one opens connections
    with psycopg.connect(conninfo, autocommit=True) as connection:
        taken = [
            (select(connection, stream, events), replay(server, stream, token, events)) for _ in range(rounds)
        ]
    bare, ours = zip(*taken, strict=True)
    ratios = tuple(one / floor for floor, one in taken)
    return [
        Measurement("bare psycopg SELECT", median(bare), "events/s", None, bare),
        Measurement(f"replay of {events:,} events, NDJSON", median(ours), "events/s", None, ours),
        Measurement("replay / bare SELECT", median(ratios), "ratio", None, ratios),
    ]


def stored_stream(owner: Principal, events: int) -> uuid.UUID:
    stream = Stream.objects.create(id=uuid.uuid4(), owner=owner, channel=Channel.RESEARCH, attempt=1)
    left = events - 1
    while left:
        batch: list[EventData] = [EVENT] * min(left, BATCH)
        publish.append(stream.id, 1, batch)
        left -= len(batch)
    publish.append(stream.id, 1, [DoneEvent()], status="completed", close=True)
    return stream.id


def select(connection: psycopg.Connection, stream: uuid.UUID, events: int) -> float:
    started = time.perf_counter()
    rows = connection.execute(SELECT_BARE, [stream]).fetchall()
    seconds = time.perf_counter() - started
    if len(rows) != events:
        raise WrongReplay(f"{len(rows)} rows stored instead of {events}")
    return events / seconds


def replay(server: RunningServer, stream: uuid.UUID, token: str, events: int) -> float:
    """Events per second from the request to the last byte. What came is checked after the clock stopped."""
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=60)
    chunks = []
    started = time.perf_counter()
    # The research routes need a job; the stream itself is all that the reading of events looks at.
    connection.request("GET", f"/research/{stream}/events", headers={"Authorization": f"Bearer {token}"})
    response = connection.getresponse()
    while chunk := response.read1(CHUNK):
        chunks.append(chunk)
    seconds = time.perf_counter() - started
    connection.close()
    check(b"".join(chunks), events)
    return events / seconds


def check(body: bytes, events: int) -> None:
    numbers = [json.loads(line)["data"].get("seq") for line in body.splitlines()]
    if numbers[1:] != list(range(1, events + 1)):
        raise WrongReplay(f"expected {events} events in order, got {len(numbers) - 1} lines")
