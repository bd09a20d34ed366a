"""The consumer in the test's own event loop, with the real hub and a client that does what a test wants."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import psycopg
import pytest

from accounts.models import Session
from realtime import access, publish
from realtime import hub as hubs
from realtime.hub import Hub
from realtime.models import Stream
from realtime.sockets import consumers, session
from realtime.sockets.consumers import SocketConsumer
from tests import factories
from tests.helpers import log, people
from tests.helpers.loops import PATIENCE, in_thread, until
from tests.helpers.people import Person


class Client:
    """The other side of `receive` and `send`. While it does not read, whoever sends to it waits."""

    def __init__(self) -> None:
        self.said: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.frames: list[dict[str, Any]] = []
        self.batches: list[bytes] = []
        self.closed: tuple[int, str] | None = None
        self.reading = asyncio.Event()
        self.reading.set()

    def say(self, **message: Any) -> None:
        self.said.put_nowait({"type": "websocket.receive", "text": json.dumps(message)})

    def subscribe(self, stream: Stream, cursor: int = 0) -> None:
        self.say(action="subscribe", entity_id=str(stream.id), channel=stream.channel, cursor=cursor)

    def leave(self) -> None:
        self.said.put_nowait({"type": "websocket.disconnect", "code": 1000})

    async def send(self, message: dict[str, Any]) -> None:
        match message:
            case {"type": "websocket.close"}:
                self.closed = message["code"], message["reason"]
            case {"type": "websocket.frames", "data": data}:
                await self.reading.wait()
                self.batches.append(data)
            case {"type": "websocket.send", "text": text}:
                await self.reading.wait()
                self.frames.append(json.loads(text))

    def events(self, name: str) -> list[dict[str, Any]]:
        return [frame["data"] for frame in self.frames if frame["event"] == name]

    async def hears(self, name: str, times: int = 1) -> list[dict[str, Any]]:
        await until(lambda: len(self.events(name)) >= times)
        return self.events(name)


@pytest.fixture
def client() -> Client:
    return Client()


@pytest.fixture
async def ada(hub: Hub) -> Person:
    return await in_thread(people.person, "ada")


@pytest.fixture
async def stream(ada: Person) -> Stream:
    return await in_thread(factories.stream, ada.principal)


async def connect(hub: Hub, person: Person, client: Client, **options: Any) -> asyncio.Task[None]:
    consumer = SocketConsumer(hub, await access.grant(hub, person.token), client.send, **options)
    serving = asyncio.create_task(consumer.run(client.said.get))
    await until(lambda: client.frames or client.batches)
    return serving


async def over(serving: asyncio.Task[None]) -> None:
    await asyncio.wait_for(serving, PATIENCE)


async def leaves(client: Client, serving: asyncio.Task[None]) -> None:
    client.leave()
    await over(serving)


def write(stream: Stream, count: int) -> None:
    publish.append(stream.id, stream.attempt, log.several(count))


async def test_a_client_that_leaves_leaves_nothing_behind(
    hub: Hub, ada: Person, stream: Stream, client: Client
) -> None:
    before = asyncio.all_tasks()
    serving = await connect(hub, ada, client)
    client.subscribe(stream)
    await client.hears("subscribed")
    await leaves(client, serving)
    assert (hub._topics, hub._sessions, len(hub.connections)) == ({}, {}, 0)
    await until(lambda: asyncio.all_tasks() <= before)


async def test_a_quiet_connection_is_one_task(hub: Hub, ada: Person, client: Client) -> None:
    before = asyncio.all_tasks()
    serving = await connect(hub, ada, client)
    await until(lambda: asyncio.all_tasks() - before == {serving})
    await leaves(client, serving)


async def test_pages_go_out_as_frames_where_the_server_takes_them(
    hub: Hub, ada: Person, stream: Stream, client: Client
) -> None:
    await in_thread(write, stream, 40)
    serving = await connect(hub, ada, client, frames=True)
    client.subscribe(stream)
    await until(lambda: any(b'"subscribed"' in batch for batch in client.batches))
    assert [batch.count(b'"event":"progress"') for batch in client.batches if b'"seq":' in batch] == [40]
    assert client.frames == []
    await leaves(client, serving)


async def test_the_idle_end_comes_from_the_timer(
    hub: Hub, ada: Person, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "PING_INTERVAL", 0.01)
    monkeypatch.setattr(session, "IDLE_TIMEOUT", 0.1)
    await over(await connect(hub, ada, client))
    assert client.closed == (1000, "idle")
    assert client.events("ping")


async def test_the_session_is_looked_at_again_even_when_no_sweep_is_made(
    hub: Hub, ada: Person, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "REVALIDATION_INTERVAL", 0.01)
    for task in hub._tasks:
        task.cancel()
    serving = await connect(hub, ada, client)
    await in_thread(Session.objects.update, revoked_at="2026-01-15T12:00:00Z")
    await over(serving)
    assert client.frames[-1]["event"] == "auth_expired"
    assert client.closed == (4001, "session ended")


async def test_a_slow_reader_is_told_that_it_lags_and_misses_nothing(
    hub: Hub, ada: Person, stream: Stream, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "SLOW_WRITE", 0.0)
    total = 3 * hubs.PAGE + 10
    await in_thread(write, stream, total)
    serving = await connect(hub, ada, client)
    client.subscribe(stream)
    await client.hears("subscribed")
    assert [data["seq"] for data in client.events("progress")] == list(range(1, total + 1))
    (told,) = client.events("lagging")
    assert 0 < told.pop("behind") < total
    assert told == {"entity_id": str(stream.id), "channel": "research"}
    await leaves(client, serving)


async def test_who_does_not_read_can_still_unsubscribe(
    hub: Hub, ada: Person, stream: Stream, client: Client
) -> None:
    serving = await connect(hub, ada, client)
    client.subscribe(stream)
    await client.hears("subscribed")
    client.reading.clear()
    await in_thread(write, stream, 5)
    await until(lambda: hub._topics[stream.id].head == 5)
    client.say(action="unsubscribe", entity_id=str(stream.id))
    await until(lambda: not hub._topics)
    client.reading.set()
    client.say(action="ping")
    await client.hears("pong")
    assert client.events("progress") == []
    await leaves(client, serving)


async def test_answers_that_nobody_reads_do_not_pile_up(
    hub: Hub, ada: Person, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "MAX_UNREAD", 20)
    monkeypatch.setattr(consumers, "LAST_WORDS", 0.01)
    serving = await connect(hub, ada, client)
    client.reading.clear()
    for _ in range(40):
        client.say(action="ping")
    await over(serving)
    assert client.closed == (1008, "answers are not read")


async def test_a_replaced_connection_ends_although_its_client_does_not_read(
    hub: Hub, ada: Person, stream: Stream, client: Client
) -> None:
    serving = await connect(hub, ada, client)
    client.subscribe(stream)
    await client.hears("subscribed")
    client.reading.clear()
    await in_thread(write, stream, 5)
    await until(lambda: hub._topics[stream.id].head == 5)
    newer = Client()
    then = await connect(hub, ada, newer)
    await over(serving)
    assert client.closed == (4003, "replaced by a newer connection")
    await leaves(newer, then)


class Outage:
    """A database that is away for the next so many questions."""

    def __init__(self, fetch: Callable[..., Awaitable[Any]]) -> None:
        self._fetch = fetch
        self.questions = 0

    async def __call__(self, query: str, parameters: Any) -> Any:
        if self.questions:
            self.questions -= 1
            raise psycopg.OperationalError("the database is away")
        return await self._fetch(query, parameters)


ALL = 10**9


@pytest.fixture
def outage(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Outage:
    monkeypatch.setattr(access, "RETRY_WAIT", 0.01)
    made = Outage(hub.fetch)
    monkeypatch.setattr(hub, "fetch", made)
    monkeypatch.setattr(hub.batches, "_fetch", made)
    monkeypatch.setattr(hub.connections, "_fetch", made)
    return made


async def test_a_socket_opens_and_subscribes_when_the_database_comes_back(
    hub: Hub, ada: Person, stream: Stream, client: Client, outage: Outage
) -> None:
    grant = await access.grant(hub, ada.token)
    outage.questions = 3
    serving = asyncio.create_task(SocketConsumer(hub, grant, client.send).run(client.said.get))
    await client.hears("connected")
    outage.questions = 3
    client.subscribe(stream)
    await client.hears("subscribed")
    await leaves(client, serving)


async def test_what_cannot_be_asked_now_is_told_and_the_socket_stays(
    hub: Hub, ada: Person, stream: Stream, client: Client, outage: Outage
) -> None:
    serving = await connect(hub, ada, client)
    outage.questions = ALL
    client.say(action="cancel", entity_id=str(stream.id), channel="research")
    client.say(action="auth", token=ada.token)
    for error in await client.hears("error", 2):
        assert (error["code"], error["retryable"]) == ("UNAVAILABLE", True)
    outage.questions = 0
    client.say(action="auth", token=ada.token)
    await client.hears("auth")
    await leaves(client, serving)


async def test_a_socket_that_cannot_open_says_so(
    hub: Hub, ada: Person, client: Client, outage: Outage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def current() -> Hub:
        return hub

    monkeypatch.setattr(hubs, "current", current)
    monkeypatch.setattr(consumers, "CONNECT_PATIENCE", 0.05)
    outage.questions = ALL
    client.said.put_nowait({"type": "websocket.connect"})
    scope = {"query_string": f"token={ada.token}".encode(), "headers": []}
    await asyncio.wait_for(consumers.websocket(scope, client.said.get, client.send), PATIENCE)
    (error,) = client.events("error")
    assert (error["code"], error["retryable"]) == ("UNAVAILABLE", True)
    assert error["retry_after"] > 0
    assert client.closed == (1013, "service unavailable")


class Gone(Client):
    """Has left, which its server says by an OSError, as the ASGI specification has it."""

    async def send(self, message: dict[str, Any]) -> None:
        if "progress" in message.get("text", ""):
            raise OSError("the client has left")
        await super().send(message)


async def test_a_server_that_says_that_the_client_has_left_is_understood(
    hub: Hub, ada: Person, stream: Stream
) -> None:
    client = Gone()
    serving = await connect(hub, ada, client)
    client.subscribe(stream)
    await client.hears("subscribed")
    await in_thread(write, stream, 1)
    await over(serving)


async def test_of_subscriptions_in_a_row_only_the_last_one_counts(
    hub: Hub, ada: Person, stream: Stream, client: Client
) -> None:
    await in_thread(write, stream, 3)
    serving = await connect(hub, ada, client)
    for cursor in (0, 1, 2):
        client.subscribe(stream, cursor)
    await client.hears("subscribed")
    await in_thread(write, stream, 1)
    await client.hears("progress", 2)
    assert [data["seq"] for data in client.events("progress")] == [3, 4]
    assert [data["replayed"] for data in client.events("subscribed")] == [1]
    await leaves(client, serving)


async def test_unknown_entities_do_not_stay_subscribed(hub: Hub, ada: Person, client: Client) -> None:
    serving = await connect(hub, ada, client)
    for number in range(50):
        client.say(action="subscribe", entity_id=str(UUID(int=number)), channel="chat")
    await client.hears("error", 50)
    wanted = [{"entity_id": str(UUID(int=number)), "channel": "chat"} for number in range(100)]
    client.say(action="subscribe", subscriptions=wanted)
    answers = await client.hears("error", 150)
    assert {data["code"] for data in answers} == {"NOT_FOUND"}
    await leaves(client, serving)
