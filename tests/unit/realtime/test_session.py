"""The socket's rules with a clock that is only a number."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as some

from realtime.ndjson import MAX_CURSOR
from realtime.session import (
    AUTH_EXPIRED,
    IDLE_TIMEOUT,
    MAX_FRAME,
    MAX_SUBSCRIPTIONS,
    NORMAL,
    PING_INTERVAL,
    Action,
    Close,
    Send,
    SocketSession,
    Subscribe,
    Unsubscribe,
)
from realtime.topics import Channel

ENTITY = UUID("0b2f3a52-6f0a-4c43-9d6b-27d5b2f9a001")
START = 5000.0
STEPS = ["tick", "ping", "event"]


@pytest.fixture
def session() -> SocketSession:
    return SocketSession(START)


def subscribe(**fields: Any) -> str:
    message = {"action": "subscribe", "entity_id": str(ENTITY), "channel": "research", **fields}
    return json.dumps({name: value for name, value in message.items() if value is not ...})


def sent(actions: list[Action]) -> tuple[str, dict[str, Any]]:
    """The event and data of the one frame that `actions` sends."""
    (action,) = actions
    assert isinstance(action, Send)
    message = json.loads(action.frame)
    assert message.keys() == {"v", "event", "data"}
    assert message["v"] == 1
    assert "seq" not in message["data"]
    return message["event"], message["data"]


def refused(session: SocketSession, text: str | None) -> str:
    """The code of the error frame that a bad frame gets. Nothing else happens."""
    before = set(session.subscriptions)
    event, data = sent(session.received(text, START))
    assert event == "error"
    assert data["retryable"] is False
    assert data["message"]
    assert session.subscriptions == before
    return str(data["code"])


def test_the_first_frame_says_who_is_connected(session: SocketSession) -> None:
    assert sent(session.opened("anon:1", "2026-01-15T12:00:00Z")) == (
        "connected", {"user_id": "anon:1", "server_time": "2026-01-15T12:00:00Z"},
    )  # fmt: skip


def test_a_ping_is_answered_by_a_pong(session: SocketSession) -> None:
    assert sent(session.received('{"action": "ping"}', START)) == ("pong", {})


@pytest.mark.parametrize("channel", Channel.values)
def test_every_channel_can_be_subscribed_to(session: SocketSession, channel: str) -> None:
    actions = session.received(subscribe(channel=channel, cursor=12), START)
    assert actions == [Subscribe(ENTITY, channel, 12)]
    assert session.subscriptions == {ENTITY}


def test_a_subscription_without_a_cursor_starts_at_the_beginning(session: SocketSession) -> None:
    assert session.received(subscribe(), START) == [Subscribe(ENTITY, "research", 0)]


def test_the_largest_cursor_is_accepted(session: SocketSession) -> None:
    assert session.received(subscribe(cursor=MAX_CURSOR), START) == [
        Subscribe(ENTITY, "research", MAX_CURSOR)
    ]


def test_subscribing_again_ends_the_older_subscription_first(session: SocketSession) -> None:
    session.received(subscribe(cursor=0), START)
    assert session.received(subscribe(cursor=7), START) == [
        Unsubscribe(ENTITY), Subscribe(ENTITY, "research", 7),
    ]  # fmt: skip
    assert session.subscriptions == {ENTITY}


def test_unsubscribing_ends_a_subscription(session: SocketSession) -> None:
    session.received(subscribe(), START)
    message = json.dumps({"action": "unsubscribe", "entity_id": str(ENTITY)})
    assert session.received(message, START) == [Unsubscribe(ENTITY)]
    assert session.subscriptions == set()


def test_unsubscribing_from_something_else_does_no_harm(session: SocketSession) -> None:
    message = json.dumps({"action": "unsubscribe", "entity_id": str(ENTITY)})
    assert session.received(message, START) == [Unsubscribe(ENTITY)]


def test_the_confirmation_says_how_much_was_replayed(session: SocketSession) -> None:
    assert sent(session.subscribed(ENTITY, "research", 12)) == (
        "subscribed", {"entity_id": str(ENTITY), "channel": "research", "replayed": 12},
    )  # fmt: skip


def test_access_denied_reads_like_an_entity_that_does_not_exist(session: SocketSession) -> None:
    session.received(subscribe(), START)
    assert sent(session.denied(ENTITY)) == (
        "error",
        {"code": "NOT_FOUND", "message": "Not found", "retryable": False, "entity_id": str(ENTITY)},
    )
    assert session.subscriptions == set()


def test_the_end_of_a_stream_ends_its_subscription_silently(session: SocketSession) -> None:
    session.received(subscribe(), START)
    session.ended(ENTITY)
    assert session.subscriptions == set()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (None, "BINARY_FRAME"),
        ("", "INVALID_JSON"),
        ("{", "INVALID_JSON"),
        ("null", "INVALID_JSON"),
        ("[]", "INVALID_JSON"),
        ('"ping"', "INVALID_JSON"),
        ('{"action": ' + "9" * 5000 + "}", "INVALID_JSON"),
        ("[" * 12_000, "INVALID_JSON"),
        ("{}", "UNKNOWN_ACTION"),
        ('{"action": null}', "UNKNOWN_ACTION"),
        ('{"action": "PING"}', "UNKNOWN_ACTION"),
        ('{"action": ["ping"]}', "UNKNOWN_ACTION"),
        ('{"action": {"ping": 1}}', "UNKNOWN_ACTION"),
        ('{"action": "unsubscribe"}', "INVALID_ENTITY"),
        (subscribe(entity_id=...), "INVALID_ENTITY"),
        (subscribe(entity_id=None), "INVALID_ENTITY"),
        (subscribe(entity_id=5), "INVALID_ENTITY"),
        (subscribe(entity_id=[]), "INVALID_ENTITY"),
        (subscribe(entity_id="not-a-uuid"), "INVALID_ENTITY"),
        (subscribe(channel=...), "UNKNOWN_CHANNEL"),
        (subscribe(channel=None), "UNKNOWN_CHANNEL"),
        (subscribe(channel=["research"]), "UNKNOWN_CHANNEL"),
        (subscribe(channel="Research"), "UNKNOWN_CHANNEL"),
        (subscribe(cursor=-1), "INVALID_CURSOR"),
        (subscribe(cursor=1.0), "INVALID_CURSOR"),
        (subscribe(cursor="1"), "INVALID_CURSOR"),
        (subscribe(cursor=True), "INVALID_CURSOR"),
        (subscribe(cursor=None), "INVALID_CURSOR"),
        (subscribe(cursor=float("inf")), "INVALID_CURSOR"),
        (subscribe(cursor=10**308), "INVALID_CURSOR"),
        (subscribe(cursor=MAX_CURSOR + 1), "INVALID_CURSOR"),
    ],
)
def test_a_bad_frame_gets_an_error_and_changes_nothing(
    session: SocketSession, text: str | None, code: str
) -> None:
    assert refused(session, text) == code


def test_a_frame_may_be_just_as_large_as_allowed(session: SocketSession) -> None:
    largest = '{"action": "ping", "padding": "' + "x" * (MAX_FRAME - 33) + '"}'
    assert len(largest) == MAX_FRAME
    assert sent(session.received(largest, START))[0] == "pong"
    assert refused(session, largest + " ") == "FRAME_TOO_LARGE"


def test_there_is_a_limit_to_subscriptions_and_ending_one_makes_room(session: SocketSession) -> None:
    for number in range(MAX_SUBSCRIPTIONS):
        session.received(subscribe(entity_id=str(UUID(int=number))), START)
    assert len(session.subscriptions) == MAX_SUBSCRIPTIONS
    assert refused(session, subscribe()) == "TOO_MANY_SUBSCRIPTIONS"
    again = session.received(subscribe(entity_id=str(UUID(int=5))), START)
    assert again == [Unsubscribe(UUID(int=5)), Subscribe(UUID(int=5), "research", 0)]
    session.ended(UUID(int=5))
    assert session.received(subscribe(), START) == [Subscribe(ENTITY, "research", 0)]


def test_an_ended_session_is_told_and_closed(session: SocketSession) -> None:
    told, closed = session.auth_ended()
    assert sent([told]) == ("auth_expired", {})
    assert closed == Close(AUTH_EXPIRED)


def test_a_heartbeat_comes_every_thirty_seconds(session: SocketSession) -> None:
    assert PING_INTERVAL == 30
    assert session.next_tick(START) == 30
    assert session.tick(START + 29.9) == []
    assert sent(session.tick(START + 30)) == ("ping", {})
    assert session.tick(START + 30) == []
    assert session.next_tick(START + 31) == 29
    assert sent(session.tick(START + 60)) == ("ping", {})


def test_ninety_quiet_seconds_close_the_connection(session: SocketSession) -> None:
    assert IDLE_TIMEOUT == 90
    assert sent(session.tick(START + 30))[0] == "ping"
    assert sent(session.tick(START + 60))[0] == "ping"
    assert Close(NORMAL) not in session.tick(START + 89.9)
    assert session.tick(START + 90) == [Close(NORMAL)]


def test_a_frame_from_the_client_keeps_the_connection_even_a_bad_one(session: SocketSession) -> None:
    session.received("{", START + 80)
    assert Close(NORMAL) not in session.tick(START + 169.9)
    assert session.tick(START + 170) == [Close(NORMAL)]


def test_delivered_events_keep_the_connection(session: SocketSession) -> None:
    session.delivered(START + 80)
    assert Close(NORMAL) not in session.tick(START + 169.9)
    assert session.tick(START + 170) == [Close(NORMAL)]


def test_the_next_tick_is_never_in_the_past(session: SocketSession) -> None:
    assert session.next_tick(START + 1000) == 0


@given(
    some.lists(some.tuples(some.integers(0, 40), some.sampled_from(["tick", "ping", "event"])), max_size=40)
)
def test_whatever_happens_an_idle_connection_ends_in_time_and_no_other_does(
    steps: list[tuple[int, str]],
) -> None:
    session, now, active = SocketSession(0), 0, 0
    for wait, step in steps:
        now += wait
        if step == "tick":
            closed = Close(NORMAL) in session.tick(now)
            assert closed == (now - active >= IDLE_TIMEOUT)
            continue
        active = now
        if step == "ping":
            session.received('{"action": "ping"}', now)
        else:
            session.delivered(now)
    due = session.next_tick(now)
    assert due <= PING_INTERVAL
    assert session.tick(now + due) != []
