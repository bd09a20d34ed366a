"""Following streams over the socket of a real server process."""

from __future__ import annotations

import json
import uuid
from contextlib import ExitStack

import pytest

from tests.helpers.installation import Installation, Server, until
from tests.helpers.visitors import Event, Visitor
from tests.streams.rows import append, open_stream

NOT_FOUND = {"code": "NOT_FOUND", "message": "Not found", "retryable": False}


def numbers(frames: list[Event]) -> list[int]:
    return [frame["data"]["seq"] for frame in frames if "seq" in frame["data"]]


def confirmation(job_id: str, replayed: int, to: int = 0, live: bool = True) -> Event:
    position = {"replayed": replayed, "from": to - replayed, "to": to, "live": live}
    return {
        "v": 1,
        "event": "subscribed",
        "data": {"entity_id": job_id, "channel": "research", **position},
    }


def test_resuming_from_every_cursor_gives_exactly_the_missing_tail(reader: Visitor, finished: str) -> None:
    whole = reader.lines(finished)[1:]
    with reader.socket() as socket:
        for cursor in range(len(whole)):
            socket.subscribe(finished, cursor)
            assert [socket.frame() for _ in whole[cursor:]] == whole[cursor:]
            assert socket.next() == confirmation(
                finished, replayed=len(whole) - cursor, to=len(whole), live=False
            )


@pytest.mark.parametrize("beyond", [0, 1, 1000])
def test_a_cursor_at_or_past_the_end_is_confirmed_and_told_done(
    reader: Visitor, finished: str, beyond: int
) -> None:
    last = len(reader.lines(finished)) - 1
    with reader.socket() as socket:
        socket.subscribe(finished, last + beyond)
        assert socket.next() == confirmation(finished, replayed=0, to=last + beyond, live=False)
        assert socket.next() == {
            "v": 1,
            "event": "done",
            "data": {"entity_id": finished, "channel": "research"},
        }
        assert socket.is_quiet()


def test_live_events_follow_the_confirmation_while_the_job_runs(
    installation: Installation, visitor: Visitor
) -> None:
    with visitor.socket() as socket:
        with installation.holding_jobs():
            job_id = visitor.start()
            socket.subscribe(job_id)
            assert socket.next() == confirmation(job_id, replayed=0)
        frames = socket.until("done")
        assert numbers(frames) == list(range(1, len(frames) + 1))
        assert socket.is_quiet()
    assert frames == visitor.events(job_id)[1:]


def test_the_count_of_replayed_events_is_exact_in_the_middle_of_a_run(
    installation: Installation, visitor: Visitor
) -> None:
    stream_id = open_stream(installation, visitor)
    for message in ("a", "b", "c"):
        append(installation, stream_id, message)
    with visitor.socket() as socket:
        socket.subscribe(stream_id, cursor=1)
        frames = socket.until("subscribed")
        assert numbers(frames) == [2, 3]
        assert frames[-1] == confirmation(stream_id, replayed=2, to=3)
        append(installation, stream_id, "d")
        live = socket.next()
        assert (live["data"]["seq"], live["data"]["message"]) == (4, "d")


def test_a_cursor_ahead_of_a_run_that_goes_on_starts_over(
    installation: Installation, visitor: Visitor
) -> None:
    stream_id = open_stream(installation, visitor)
    append(installation, stream_id, "a")
    with visitor.socket() as socket:
        socket.subscribe(stream_id, cursor=7)
        frames = socket.until("subscribed")
    assert [frame["event"] for frame in frames] == ["reset", "progress", "subscribed"]
    assert frames[0]["data"] == {"entity_id": stream_id, "reason": "cursor is ahead of the stream"}
    assert frames[-1] == confirmation(stream_id, replayed=1, to=1)


def test_unsubscribing_stops_the_events(installation: Installation, visitor: Visitor) -> None:
    quiet, lively = (open_stream(installation, visitor) for _ in range(2))
    with visitor.socket() as socket:
        for stream_id in (quiet, lively):
            socket.subscribe(stream_id)
            assert socket.next() == confirmation(stream_id, replayed=0)
        socket.send(action="unsubscribe", entity_id=quiet)
        assert socket.is_quiet()
        append(installation, quiet, "unheard")
        append(installation, lively, "heard")
        assert socket.next()["data"]["entity_id"] == lively
        assert socket.is_quiet()


def test_two_subscriptions_at_once_each_get_their_own_events(
    installation: Installation, visitor: Visitor
) -> None:
    with visitor.socket() as socket:
        with installation.holding_jobs():
            jobs = [visitor.start(), visitor.start("a shared shopping list")]
            for job_id in jobs:
                socket.subscribe(job_id)
            confirmed = [socket.next(), socket.next()]
        assert {frame["data"]["entity_id"] for frame in confirmed} == set(jobs)
        frames = [*socket.until("done"), *socket.until("done")]
    for job_id in jobs:
        own = [frame for frame in frames if frame["data"]["entity_id"] == job_id]
        assert own == visitor.events(job_id)[1:]


def test_subscribing_again_moves_the_cursor(installation: Installation, visitor: Visitor) -> None:
    stream_id = open_stream(installation, visitor)
    for message in ("a", "b"):
        append(installation, stream_id, message)
    with visitor.socket() as socket:
        for cursor in (0, 1, 2, 0):
            socket.subscribe(stream_id, cursor)
            frames = socket.until("subscribed")
            assert numbers(frames) == list(range(cursor + 1, 3))
        append(installation, stream_id, "c")
        assert socket.next()["data"]["seq"] == 3
        assert socket.is_quiet()  # one subscription, not four


def test_a_foreign_entity_an_unknown_one_and_the_wrong_channel_sound_the_same(
    stranger: Visitor, reader: Visitor, finished: str
) -> None:
    unknown = str(uuid.uuid4())
    with stranger.socket() as socket:
        for job_id in (finished, unknown):
            socket.subscribe(job_id)
            assert socket.next() == {"v": 1, "event": "error", "data": NOT_FOUND | {"entity_id": job_id}}
    with reader.socket() as socket:
        socket.subscribe(finished, channel="forge")
        assert socket.next()["data"] == NOT_FOUND | {"entity_id": finished}
        socket.subscribe(finished)
        assert socket.until("subscribed")[-1]["event"] == "subscribed"


def test_a_deleted_stream_ends_its_subscription_and_not_the_socket(
    installation: Installation, visitor: Visitor
) -> None:
    stream_id = open_stream(installation, visitor)
    with visitor.socket() as socket:
        socket.subscribe(stream_id)
        assert socket.next()["event"] == "subscribed"
        installation.query("DELETE FROM realtime_stream WHERE id = %s", stream_id)
        assert socket.next()["data"] == NOT_FOUND | {"entity_id": stream_id}
        assert socket.is_quiet()


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("", "INVALID_JSON"),
        ("nonsense", "INVALID_JSON"),
        ("[1]", "INVALID_JSON"),
        (b"\x00\x01", "BINARY_FRAME"),
        ('{"action": "dance"}', "UNKNOWN_ACTION"),
        ('{"action": "subscribe"}', "INVALID_ENTITY"),
        ('{"action": "ping", "x": "' + "y" * 20_000 + '"}', "FRAME_TOO_LARGE"),
    ],
)
def test_a_bad_frame_is_answered_and_keeps_the_socket(
    visitor: Visitor, frame: str | bytes, code: str
) -> None:
    with visitor.socket() as socket:
        socket.connection.send(frame)
        answer = socket.next()
        assert (answer["event"], answer["data"]["code"], answer["data"]["retryable"]) == (
            "error",
            code,
            False,
        )
        assert socket.is_quiet()


def test_the_hundred_and_first_subscription_is_refused(installation: Installation, visitor: Visitor) -> None:
    streams = [open_stream(installation, visitor) for _ in range(101)]
    with visitor.socket() as socket:
        for stream_id in streams[:100]:
            socket.subscribe(stream_id)  # a burst of frames that the rate allows
        assert {socket.next()["event"] for _ in range(100)} == {"subscribed"}
        socket.subscribe(streams[100])
        assert socket.next()["data"]["code"] == "TOO_MANY_SUBSCRIPTIONS"
        socket.send(action="unsubscribe", entity_id=streams[0])
        socket.subscribe(streams[100])
        assert socket.next() == confirmation(streams[100], replayed=0)


def test_sockets_that_leave_leave_nothing_behind(installation: Installation, server: Server) -> None:
    with ExitStack() as people:
        visitors = [people.enter_context(Visitor(server)) for _ in range(10)]
        streams = [open_stream(installation, visitor) for visitor in visitors]
        for visitor in visitors:
            visitor.http.close()
        threads, connections = server.resources()
        for _ in range(3):
            with ExitStack() as opened:
                for visitor, stream_id in zip(visitors, streams, strict=True):
                    socket = opened.enter_context(visitor.socket())
                    socket.subscribe(stream_id)
                    assert socket.next()["event"] == "subscribed"
            until(lambda: server.resources()[1] <= connections, "the connections to end")
        until(lambda: server.resources()[0] <= threads + 3, "the threads to end")


def test_a_socket_that_is_cut_off_leaves_nothing_behind(server: Server, visitor: Visitor) -> None:
    _, connections = server.resources()
    with visitor.socket() as socket:
        socket.connection.socket.close()
        until(lambda: server.resources()[1] <= connections, "the connection to end")


def test_both_transports_carry_the_same_bytes(reader: Visitor, finished: str) -> None:
    lines = reader.lines(finished)[1:]
    with reader.socket() as socket:
        socket.subscribe(finished)
        assert [socket.frame() for _ in lines] == lines
    assert all(json.loads(line)["data"]["channel"] == "research" for line in lines)
