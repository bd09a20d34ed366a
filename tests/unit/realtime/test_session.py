"""The socket's rules with a clock that is only a number."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as some

from manticscore import errors
from realtime.events import MAX_CURSOR
from realtime.sockets.messages import MAX_FRAME, MAX_SUBSCRIPTIONS
from realtime.sockets.session import (
    AUTH_BURST,
    AUTH_EXPIRED,
    AUTH_INTERVAL,
    FLOOD_LIMIT,
    IDLE_TIMEOUT,
    LAGGING_INTERVAL,
    MESSAGE_BURST,
    NORMAL,
    PING_INTERVAL,
    POLICY_VIOLATION,
    REPLACED,
    REVALIDATION_INTERVAL,
    Action,
    Authenticate,
    Cancel,
    Close,
    Revalidate,
    Send,
    SocketSession,
    Subscribe,
    Unsubscribe,
)
from realtime.topics import Channel

IDLE = Close(NORMAL, "idle")
ENTITY = UUID("0b2f3a52-6f0a-4c43-9d6b-27d5b2f9a001")
START = 5000.0
PING = '{"action": "ping"}'
AUTH = '{"action": "auth", "token": "ms_sess_new"}'
WISH = Subscribe(ENTITY, "research", 0)


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
    assert sent(session.received(PING, START)) == ("pong", {})


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


@pytest.mark.parametrize("live", [True, False])
def test_the_confirmation_says_what_was_replayed_and_whether_more_may_come(
    session: SocketSession, live: bool
) -> None:
    event, data = sent(session.subscribed(WISH, replayed=12, cursor=20, live=live))
    assert event == "subscribed"
    assert data == {
        "entity_id": str(ENTITY), "channel": "research", "replayed": 12, "from": 8, "to": 20, "live": live,
    }  # fmt: skip


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
    assert MAX_FRAME == 16384
    largest = '{"action": "ping", "padding": "' + "x" * (MAX_FRAME - 35) + 'é"}'
    assert len(largest.encode()) == MAX_FRAME
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
    assert closed == Close(AUTH_EXPIRED, "session ended")
    assert AUTH_EXPIRED == 4001
    assert session.auth_ended() == []


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
    assert IDLE not in session.tick(START + 89.9)
    assert session.tick(START + 90) == [IDLE]


def test_a_frame_from_the_client_keeps_the_connection_even_a_bad_one(session: SocketSession) -> None:
    session.received("{", START + 80)
    assert IDLE not in session.tick(START + 169.9)
    assert session.tick(START + 170) == [IDLE]


def test_delivered_events_keep_the_connection(session: SocketSession) -> None:
    session.delivered(START + 80)
    assert IDLE not in session.tick(START + 169.9)
    assert session.tick(START + 170) == [IDLE]


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
            closed = IDLE in session.tick(now)
            assert closed == (now - active >= IDLE_TIMEOUT)
            if closed:
                return
            continue
        active = now
        if step == "ping":
            session.received(PING, now)
        else:
            session.delivered(now)
    due = session.next_tick(now)
    assert due <= PING_INTERVAL
    assert session.tick(now + due) != []


def test_the_session_is_looked_at_again_every_five_minutes(session: SocketSession) -> None:
    assert REVALIDATION_INTERVAL == 300
    asked = []
    for second in range(1, 901):
        session.received(PING, START + second)
        asked += [second for action in session.tick(START + second) if action == Revalidate()]
    assert asked == [300, 600, 900]


def test_a_newer_connection_ends_this_one_once(session: SocketSession) -> None:
    assert REPLACED == 4003
    assert session.replaced() == [Close(REPLACED, "replaced by a newer connection")]
    assert session.replaced() == []


def test_once_it_closes_nothing_more_is_done(session: SocketSession) -> None:
    session.replaced()
    assert session.received(subscribe(), START + 1) == []
    assert session.auth_ended() == []
    assert session.tick(START + 30) == []
    assert session.tick(START + 300) == []
    assert session.unread() == []


def several(*subscriptions: Any) -> str:
    return json.dumps({"action": "subscribe", "subscriptions": subscriptions})


def test_several_subscriptions_in_one_frame_are_answered_as_if_each_had_come_alone(
    session: SocketSession,
) -> None:
    ids = [str(UUID(int=number)) for number in range(4)]
    wanted = [
        {"entity_id": ids[0], "channel": "research", "cursor": 7},
        {"entity_id": ids[1], "channel": "nonsense"},
        {"entity_id": ids[2], "channel": "build"},
        {"entity_id": ids[3], "channel": "build", "cursor": -1},
        {"entity_id": ids[0], "channel": "research", "cursor": 9},
        "nonsense",
        {"channel": "build"},
    ]
    first, channel, second, cursor, over, again, text, entity = session.received(several(*wanted), START)
    assert first == Subscribe(UUID(int=0), "research", 7)
    assert second == Subscribe(UUID(int=2), "build", 0)
    assert (over, again) == (Unsubscribe(UUID(int=0)), Subscribe(UUID(int=0), "research", 9))
    told = [sent([action])[1] for action in (channel, cursor, text, entity)]
    assert [(data["code"], data.get("entity_id")) for data in told] == [
        ("UNKNOWN_CHANNEL", ids[1]), ("INVALID_CURSOR", ids[3]), ("INVALID_JSON", None),
        ("INVALID_ENTITY", None),
    ]  # fmt: skip
    assert session.subscriptions == {UUID(int=0), UUID(int=2)}


def test_a_frame_may_subscribe_to_as_much_as_a_connection_may(session: SocketSession) -> None:
    def wanted(count: int) -> str:
        return several(*({"entity_id": f"{number:032x}", "channel": "chat"} for number in range(count)))

    assert refused(session, wanted(MAX_SUBSCRIPTIONS + 1)) == "INVALID_SUBSCRIPTIONS"
    assert len(session.received(wanted(MAX_SUBSCRIPTIONS), START)) == MAX_SUBSCRIPTIONS
    one_more = sent(session.received(several({"entity_id": str(ENTITY), "channel": "chat"}), START))
    assert (one_more[1]["code"], one_more[1]["entity_id"]) == ("TOO_MANY_SUBSCRIPTIONS", str(ENTITY))


@pytest.mark.parametrize("text", [several(), '{"action": "subscribe", "subscriptions": {}}'])
def test_a_list_of_subscriptions_has_some(session: SocketSession, text: str) -> None:
    assert refused(session, text) == "INVALID_SUBSCRIPTIONS"


def cancel(**fields: Any) -> str:
    return json.dumps({"action": "cancel", "entity_id": str(ENTITY), "channel": "forge", **fields})


def test_a_job_can_be_cancelled_without_following_it(session: SocketSession) -> None:
    (wish,) = session.received(cancel(), START)
    assert wish == Cancel(ENTITY, "forge")
    assert sent(session.cancelled(wish, True)) == (
        "cancelling", {"entity_id": str(ENTITY), "channel": "forge"},
    )  # fmt: skip
    assert sent(session.cancelled(wish, False))[1]["code"] == "NOT_CANCELLABLE"
    assert session.cancelled(wish, None) == session.denied(ENTITY)
    assert refused(session, cancel(channel="Forge")) == "UNKNOWN_CHANNEL"
    assert refused(session, cancel(entity_id=1)) == "INVALID_ENTITY"


def test_a_question_that_cannot_be_asked_now_may_be_asked_again(session: SocketSession) -> None:
    event, data = sent(session.not_now(ENTITY))
    assert event == "error"
    assert (data["code"], data["retryable"], data["entity_id"]) == ("UNAVAILABLE", True, str(ENTITY))


def test_a_token_is_renewed_in_the_open_connection(session: SocketSession) -> None:
    assert session.received(AUTH, START) == [Authenticate("ms_sess_new")]
    assert sent(session.authenticated("2026-01-15T12:30:00Z")) == (
        "auth", {"expires_at": "2026-01-15T12:30:00Z"},
    )  # fmt: skip


@pytest.mark.parametrize("token", [..., None, "", 5, ["ms_sess_new"]])
def test_a_token_is_text(session: SocketSession, token: Any) -> None:
    message = {"action": "auth"} | ({} if token is ... else {"token": token})
    assert refused(session, json.dumps(message)) == "INVALID_TOKEN"


@pytest.mark.parametrize(
    ("error", "code", "retryable"),
    [
        (errors.TokenExpired(), "TOKEN_EXPIRED", False),
        (errors.InvalidToken(), "INVALID_TOKEN", False),
        (errors.Unavailable(), "UNAVAILABLE", True),
    ],
)
def test_a_token_that_cannot_be_used_leaves_things_as_they_are(
    session: SocketSession, error: errors.ApiError, code: str, retryable: bool
) -> None:
    session.received(AUTH, START)
    event, data = sent(session.auth_refused(error))
    assert event == "error"
    assert data == {"code": code, "message": error.detail, "retryable": retryable}
    assert session.received(PING, START) != []


def test_another_users_token_is_refused(session: SocketSession) -> None:
    session.received(AUTH, START)
    assert sent(session.auth_of_another())[1]["code"] == "WRONG_USER"


def test_tokens_are_checked_one_at_a_time(session: SocketSession) -> None:
    session.received(AUTH, START)
    assert refused(session, AUTH) == "AUTH_IN_PROGRESS"
    session.auth_refused(errors.InvalidToken())
    assert session.received(AUTH, START) == [Authenticate("ms_sess_new")]


def test_few_tokens_can_be_tried(session: SocketSession) -> None:
    for _ in range(AUTH_BURST):
        assert session.received(AUTH, START) == [Authenticate("ms_sess_new")]
        session.auth_refused(errors.InvalidToken())
    _, data = sent(session.received(AUTH, START))
    assert (data["code"], data["retryable"], data["retry_after"]) == ("RATE_LIMITED", True, AUTH_INTERVAL)
    assert session.received(AUTH, START + AUTH_INTERVAL) == [Authenticate("ms_sess_new")]
    session.auth_refused(errors.InvalidToken())
    assert sent(session.received(AUTH, START + AUTH_INTERVAL))[1]["code"] == "RATE_LIMITED"


def codes(actions: list[Action]) -> list[str]:
    return [sent([action])[1].get("code", "") for action in actions]


def test_as_many_frames_as_subscriptions_may_come_at_once(session: SocketSession) -> None:
    assert MESSAGE_BURST > MAX_SUBSCRIPTIONS
    for _ in range(MESSAGE_BURST):
        assert sent(session.received(PING, START)) == ("pong", {})
    assert codes(session.received(PING, START)) == ["RATE_LIMITED"]


def test_twenty_frames_a_second_can_go_on_for_ever(session: SocketSession) -> None:
    for number in range(2400):
        assert sent(session.received(PING, START + number / 20)) == ("pong", {})


def test_frames_beyond_the_rate_are_dropped_and_that_is_told_once_a_second(session: SocketSession) -> None:
    for _ in range(MESSAGE_BURST):
        session.received(PING, START)
    answers = [session.received(subscribe(), START + number / 1000) for number in range(1, 1500)]
    told = [actions for actions in answers if actions and isinstance(actions[0], Send)]
    assert [codes(actions) for actions in told] == [["RATE_LIMITED"]] * 2
    followed = [actions for actions in answers if any(isinstance(action, Subscribe) for action in actions)]
    assert len(followed) == 29  # at 20 a second, not one more


def test_who_does_not_stop_flooding_is_closed(session: SocketSession) -> None:
    now, closed = START, []
    while not closed:
        now += 0.01
        closed = [action for action in session.received(PING, now) if isinstance(action, Close)]
        assert now < START + 60
    assert closed == [Close(POLICY_VIOLATION, "too many messages")]
    assert now - START > FLOOD_LIMIT
    assert session.received(PING, now) == []


def test_short_bursts_with_pauses_are_no_flood(session: SocketSession) -> None:
    for burst in range(20):
        for _ in range(200):
            actions = session.received(PING, START + 5 * burst)
            assert not any(isinstance(action, Close) for action in actions)


def test_a_slow_reader_is_told_how_far_it_is_behind(session: SocketSession) -> None:
    session.received(subscribe(), START)
    assert session.written(WISH, took=0.5, behind=100, now=START) == []
    assert session.written(WISH, took=3, behind=0, now=START) == []
    assert sent(session.written(WISH, took=1, behind=100, now=START)) == (
        "lagging", {"entity_id": str(ENTITY), "channel": "research", "behind": 100},
    )  # fmt: skip


def test_it_is_told_every_few_seconds_of_each_stream(session: SocketSession) -> None:
    other = Subscribe(UUID(int=1), "build", 0)
    assert session.written(WISH, took=2, behind=1, now=START) != []
    assert session.written(WISH, took=2, behind=1, now=START + LAGGING_INTERVAL - 0.1) == []
    assert session.written(other, took=2, behind=1, now=START + 1) != []
    assert session.written(WISH, took=2, behind=1, now=START + LAGGING_INTERVAL) != []


def test_what_is_written_keeps_the_connection(session: SocketSession) -> None:
    session.written(WISH, took=0, behind=0, now=START + 80)
    assert IDLE not in session.tick(START + 169.9)
    assert session.tick(START + 170) == [IDLE]


def test_a_client_that_does_not_read_its_answers_is_closed(session: SocketSession) -> None:
    assert session.unread() == [Close(POLICY_VIOLATION, "answers are not read")]
