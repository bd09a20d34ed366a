"""What else a client may ask of its socket: several streams at once, the end of a job, and its limits."""

from __future__ import annotations

import json
import uuid

from realtime.hub import PAGE
from tests.helpers.installation import Installation
from tests.helpers.visitors import Visitor
from tests.streams.rows import append, open_stream

FILLED = """
    WITH head AS (UPDATE realtime_stream SET last_seq = %(count)s WHERE id = %(id)s)
    INSERT INTO realtime_event (stream_id, seq, type, data)
    SELECT %(id)s, n, 'progress', jsonb_build_object('stage', 'search', 'message', repeat('x', 4000))
    FROM generate_series(1, %(count)s) AS n
"""


def fill(installation: Installation, stream_id: str, count: int) -> None:
    with installation.connection() as connection:
        connection.execute(FILLED, {"id": stream_id, "count": count})


def wanted(stream_id: str, cursor: int = 0) -> dict[str, object]:
    return {"entity_id": stream_id, "channel": "research", "cursor": cursor}


def test_one_frame_subscribes_to_several_streams_from_several_cursors(
    installation: Installation, visitor: Visitor, stranger: Visitor
) -> None:
    first, second = (open_stream(installation, visitor) for _ in range(2))
    foreign = open_stream(installation, stranger)
    for message in ("a", "b", "c"):
        append(installation, first, message)
        append(installation, second, message)
    with visitor.socket() as socket:
        wishes = [wanted(first, 1), wanted(foreign), wanted(second, 3), wanted(first) | {"cursor": "x"}]
        socket.send(action="subscribe", subscriptions=wishes)
        frames = [socket.next() for _ in range(6)]
        assert socket.is_quiet()
    told = {}
    for frame in frames:
        told.setdefault((frame["data"]["entity_id"], frame["event"]), []).append(frame["data"])
    assert [data["seq"] for data in told[first, "progress"]] == [2, 3]
    assert [data["replayed"] for data in told[first, "subscribed"]] == [2]
    assert [data["code"] for data in told[first, "error"]] == ["INVALID_CURSOR"]
    assert [data["replayed"] for data in told[second, "subscribed"]] == [0]
    assert [data["code"] for data in told[foreign, "error"]] == ["NOT_FOUND"]


def test_a_stream_with_much_to_say_gives_way_to_the_others(
    installation: Installation, visitor: Visitor
) -> None:
    chatty, *quiet = (open_stream(installation, visitor) for _ in range(6))
    fill(installation, chatty, 3000)
    with visitor.socket() as socket:
        socket.send(action="subscribe", subscriptions=[wanted(stream_id) for stream_id in (chatty, *quiet)])
        confirmed = [socket.until("subscribed") for _ in range(6)]
    order = [frames[-1]["data"]["entity_id"] for frames in confirmed]
    assert order[-1] == chatty
    assert set(order) == {chatty, *quiet}
    before = sum(len(frames) - 1 for frames in confirmed[:-1])
    assert before <= PAGE, "events of the chatty stream that came before the quiet ones were confirmed"
    assert sum(len(frames) - 1 for frames in confirmed) == 3000


def test_a_job_is_cancelled_over_the_socket(installation: Installation, visitor: Visitor) -> None:
    with visitor.socket() as socket:
        with installation.holding_jobs():
            job_id = visitor.start()
            socket.subscribe(job_id)
            assert socket.next()["event"] == "subscribed"
            socket.send(action="cancel", entity_id=job_id, channel="research")
            answer = socket.until("cancelling")[-1]
            assert answer["data"] == {"entity_id": job_id, "channel": "research"}
        *_, error, done = socket.until("done")
        assert (error["event"], error["data"]["code"]) == ("error", "CANCELLED")
        socket.send(action="cancel", entity_id=job_id, channel="research")
        assert socket.next()["data"]["code"] == "NOT_CANCELLABLE"
    assert done["data"]["entity_id"] == job_id


def test_cancelling_again_changes_nothing(installation: Installation, visitor: Visitor) -> None:
    stream_id = open_stream(installation, visitor)
    asked_at = "SELECT cancel_requested_at FROM realtime_stream WHERE id = %s"
    answers = set()
    with visitor.socket() as socket:
        for _ in range(2):
            socket.send(action="cancel", entity_id=stream_id, channel="research")
            assert socket.next()["event"] == "cancelling"
            answers.update(installation.query(asked_at, stream_id))
    assert len(answers) == 1
    assert answers != {(None,)}


def test_only_ones_own_jobs_are_cancelled(
    installation: Installation, visitor: Visitor, stranger: Visitor
) -> None:
    foreign = open_stream(installation, stranger)
    own = open_stream(installation, visitor)
    project = open_stream(installation, visitor, channel="project")
    asked = {(foreign, "research"): "NOT_FOUND", (str(uuid.uuid4()), "research"): "NOT_FOUND"}
    asked |= {(own, "forge"): "NOT_FOUND", (project, "project"): "NOT_CANCELLABLE"}
    with visitor.socket() as socket:
        for (entity_id, channel), code in asked.items():
            socket.send(action="cancel", entity_id=entity_id, channel=channel)
            answer = socket.next()
            assert (answer["event"], answer["data"]["code"]) == ("error", code)
            assert answer["data"]["entity_id"] == entity_id
    requested = "SELECT count(*) FROM realtime_stream WHERE cancel_requested_at IS NOT NULL AND id = ANY(%s)"
    assert installation.query(requested, [foreign, own, project]) == [(0,)]


def test_the_project_channel_is_followed_like_any_other(installation: Installation, visitor: Visitor) -> None:
    project = open_stream(installation, visitor, channel="project")
    installation.query("UPDATE realtime_stream SET project_id = id WHERE id = %s", project)
    with visitor.socket() as socket:
        socket.subscribe(project, channel="project")
        answer = socket.next()
        assert (answer["event"], answer["data"]["channel"]) == ("subscribed", "project")
        assert answer["data"]["live"]


def test_who_sends_too_much_is_told_and_stays(visitor: Visitor) -> None:
    with visitor.socket() as socket:
        for _ in range(400):
            socket.connection.send(json.dumps({"action": "ping"}))
        answers = [socket.next()]
        while answers[-1]["event"] != "error":
            answers.append(socket.next())
        assert answers[-1]["data"]["code"] == "RATE_LIMITED"
        assert answers[-1]["data"]["retryable"]
        assert len(answers) > 100
        assert socket.connection.close_code is None
