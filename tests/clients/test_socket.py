"""The Python client's WebSocket: what it does after every way a connection can end."""

from __future__ import annotations

import asyncio

import pytest

from manticscore_client import (
    Event,
    HistoryBroken,
    Replaced,
    Socket,
    SocketClosed,
    Subscription,
    Timing,
    Unauthorized,
)
from manticscore_client.history import History
from manticscore_client.sessions import Session, Token
from manticscore_client.transport import Transport
from tests.clients.scripted import (
    ENTITY,
    QUICK,
    Conversation,
    SocketScript,
    event,
    says,
    session,
    sockets,
    tells,
)

OTHER = "00000000-0000-4000-8000-000000000002"


def opened(script: SocketScript, timing: Timing = QUICK) -> Socket:
    return Socket(script.url, session(script.url, timing), trust_env=False)


async def received(script: SocketScript, timing: Timing = QUICK) -> list[Event]:
    """What comes of one subscription, up to its end."""
    events = []
    async with opened(script, timing) as socket:
        await socket.subscribe(ENTITY, "research")
        async for one in socket:
            events.append(one)
            if one.ends_stream:
                break
    return events


def numbers(events: list[Event]) -> list[int]:
    return [one.seq for one in events if one.seq is not None]


async def test_events_and_frames_about_subscriptions_are_shown() -> None:
    frames = [
        event("connected", user_id="u"), event("catchup", in_flight=[]), event("stage", 1),
        event("subscribed", entity_id=ENTITY, replayed=1), event("ping"), event("unheard_of"),
        event("lagging", entity_id=ENTITY), event("done", 2),
    ]  # fmt: skip
    async with sockets(says(*frames)) as script:
        events = await received(script)
    assert [one.type for one in events] == ["catchup", "stage", "subscribed", "lagging", "done"]
    assert script.tokens == ["token-1"]


@pytest.mark.parametrize("code", [1000, 1001, 1011, 1012, 1013])
async def test_it_comes_back_with_its_cursor(code: int) -> None:
    async with sockets(says(event("stage", 1), close=code), says(event("done", 2))) as script:
        assert numbers(await received(script)) == [1, 2]
    asked = [talk[0]["cursor"] for talk in script.received]
    assert asked == [0, 1]


async def test_it_comes_back_after_a_cut() -> None:
    events = event("stage", 1), event("done", 2)
    async with sockets(tells(*events[:1], cut=True), tells(*events)) as script:
        assert numbers(await received(script)) == [1, 2]


async def test_a_silent_connection_is_dead() -> None:
    timing = Timing(first_wait=0.01, socket_silence=0.1)
    events = event("stage", 1), event("done", 2)
    async with sockets(tells(*events[:1]), tells(*events)) as script:
        assert numbers(await received(script, timing)) == [1, 2]


async def test_one_that_was_replaced_stops() -> None:
    async with sockets(says(close=4003)) as script:
        with pytest.raises(Replaced):
            await received(script)
    assert len(script.received) == 1


async def test_an_unknown_refusal_stops_too() -> None:
    async with sockets(says(close=4321)) as script:
        with pytest.raises(SocketClosed, match="4321"):
            await received(script)


async def test_an_expired_session_is_replaced() -> None:
    over = says(event("stage", 1), event("auth_expired"), close=4001)
    async with sockets(over, says(event("done", 2))) as script:
        assert numbers(await received(script)) == [1, 2]
    assert script.tokens == ["token-1", "token-2"]


@pytest.mark.parametrize("code", [4001, 4002])
async def test_a_session_that_is_refused_again_is_given_up(code: int) -> None:
    refuses = says(event("auth_expired"), close=code)
    async with sockets(refuses, refuses) as script:
        with pytest.raises(Unauthorized):
            await received(script)
    assert script.tokens == ["token-1", "token-2"]


async def test_the_server_says_how_long_to_stay_away(monkeypatch: pytest.MonkeyPatch) -> None:
    waits = []

    async def noted(self: object, cause: Exception, at_least: float = 0.0) -> None:
        waits.append(at_least)

    monkeypatch.setattr("manticscore_client.backoff.Backoff.wait", noted)
    busy = says(event("error", code="EVICTIONS", message="too often", retry_after=7), close=1013)
    async with sockets(busy, says(close=1001), says(event("done", 1))) as script:
        await received(script)
    assert waits == [7.0, 0.0]


async def test_all_subscriptions_come_back_in_one_frame_except_the_ended() -> None:
    other = event("stage", 5).replace(ENTITY, OTHER)
    first = says(event("stage", 1), event("done", 2), other, close=1001)
    wanted = [Subscription(ENTITY, "research", History()), Subscription(OTHER, "chat", History(4))]
    async with (
        sockets(first, says(other.replace('"seq": 5', '"seq": 6'))) as script,
        opened(script) as socket,
    ):
        await socket.subscribe_many(wanted)
        assert [(await anext(socket)).seq for _ in range(4)] == [1, 2, 5, 6]
    subscriptions = [{"entity_id": ENTITY, "channel": "research", "cursor": 0}]
    late = {"entity_id": OTHER, "channel": "chat", "cursor": 4}
    assert script.received[0] == [{"action": "subscribe", "subscriptions": [*subscriptions, late]}]
    assert script.received[1] == [{"action": "subscribe", **late, "cursor": 5}]


async def test_a_subscription_may_be_added_and_given_up_while_connected() -> None:
    async def talk(conversation: Conversation) -> None:
        await conversation.say(event("catchup"))
        await conversation.hears("subscribe", OTHER)
        await conversation.say(event("stage", 1), event("stage", 1).replace(ENTITY, OTHER))

    async with sockets(talk) as script, opened(script) as socket:
        assert (await anext(socket)).type == "catchup"
        await socket.subscribe(ENTITY, "research")
        await socket.unsubscribe(ENTITY)
        await socket.subscribe(OTHER, "research")
        assert (await anext(socket)).entity_id == OTHER
        assert socket.cursor(OTHER) == 1


async def test_a_refused_subscription_is_told_and_not_asked_for_again() -> None:
    refused = says(event("error", code="NOT_FOUND", message="Not found", entity_id=ENTITY), close=1001)
    async with sockets(refused, says(event("catchup"), unasked=True)) as script, opened(script) as socket:
        await socket.subscribe(ENTITY, "research")
        assert (await anext(socket)).data["code"] == "NOT_FOUND"
        assert (await anext(socket)).type == "catchup"
    assert script.received[1] == []


async def test_a_doubled_event_is_no_history() -> None:
    async with sockets(says(event("stage", 1), event("stage", 1))) as script:
        with pytest.raises(HistoryBroken, match="event 1 came after event 1"):
            await received(script)


async def test_the_session_is_renewed_in_the_open_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("manticscore_client.socket.MIN_PAUSE", 0.01)
    given = 0

    async def sign_in(transport: Transport) -> Token:
        nonlocal given
        given += 1
        return Token(f"token-{given}", 0.04 if given == 1 else 1800.0)

    async def talk(conversation: Conversation) -> None:
        await conversation.hears("auth")
        await conversation.say(event("done", 1))

    async with sockets(talk) as script:
        renewing = Session(Transport(script.url, QUICK, trust_env=False), sign_in)
        async with Socket(script.url, renewing, trust_env=False) as socket:
            await socket.subscribe(ENTITY, "research")
            assert (await anext(socket)).ends_stream
    assert {"action": "auth", "token": "token-2"} in script.received[0]
    assert len(script.tokens) == 1


async def test_it_gives_signs_of_life(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("manticscore_client.socket.MIN_PAUSE", 0.01)

    async def talk(conversation: Conversation) -> None:
        await conversation.hears("ping")
        await conversation.say(event("done", 1))

    async with sockets(talk) as script:
        assert numbers(await received(script, Timing(keepalive=0.01))) == [1]


async def test_a_closed_socket_leaves_no_tasks() -> None:
    before = asyncio.all_tasks()
    async with sockets(says(event("stage", 1))) as script, opened(script) as socket:
        await socket.subscribe(ENTITY, "research")
        assert (await anext(socket)).seq == 1
    assert asyncio.all_tasks() == before
