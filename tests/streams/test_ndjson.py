"""Streams over HTTP from a real server process."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx
import pytest

from tests.helpers.installation import Installation, Server, until
from tests.helpers.visitors import Visitor, speak
from tests.streams.rows import SESSION, open_stream, set_expiry

STAGES = ["interpret", "search", "judge", "analyze", "synthesize", "persist"]
ENDED = {"v": 1, "event": "done"}


def test_the_headers_are_exactly_those_of_the_contract(reader: Visitor, finished: str) -> None:
    with reader.stream(finished) as response:
        response.read()
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/x-ndjson"
    assert response.headers["cache-control"] == "no-cache"
    assert response.headers["x-accel-buffering"] == "no"
    assert re.fullmatch("[0-9a-f]{16}", response.headers["x-request-id"])
    assert response.headers["transfer-encoding"] == "chunked"
    assert "content-length" not in response.headers


def test_the_first_line_names_the_request_and_the_job_and_has_no_number(
    reader: Visitor, finished: str
) -> None:
    with reader.stream(finished) as response:
        first = json.loads(response.read().split(b"\n")[0])
    assert first == {
        "v": 1,
        "event": "stream_start",
        "data": {"request_id": response.headers["x-request-id"], "job_id": finished},
    }


def test_every_line_is_an_envelope_and_numbers_are_dense(reader: Visitor, finished: str) -> None:
    start, *events = reader.events(finished)
    for event in [start, *events]:
        assert list(event) == ["v", "event", "data"]
        assert event["v"] == 1
    assert [event["data"]["seq"] for event in events] == list(range(1, len(events) + 1))
    assert {(event["data"]["entity_id"], event["data"]["channel"]) for event in events} == {
        (finished, "research")
    }


def test_a_run_tells_its_stages_in_order_then_its_result_then_done(reader: Visitor, finished: str) -> None:
    events = reader.events(finished)
    stages = [(e["data"]["name"], e["data"]["status"]) for e in events if e["event"] == "stage"]
    assert stages == [(name, status) for name in STAGES for status in ("started", "completed")]
    assert [event["event"] for event in events[-2:]] == ["result", "done"]
    assert [event["event"] for event in events].count("done") == 1


def test_the_result_is_the_artifact_that_the_job_keeps(reader: Visitor, finished: str) -> None:
    result = reader.events(finished)[-2]["data"]
    kept = reader.http.get(f"/research/{finished}").json()
    assert result["artifact_hash"] == kept["artifact_hash"]
    assert result["features"] == kept["artifact"]["features"] != []
    assert result["incumbents"] + result["emerging"] + result["established"] != []


def test_resuming_from_every_cursor_gives_exactly_the_missing_tail(reader: Visitor, finished: str) -> None:
    whole = reader.lines(finished)[1:]
    assert len(whole) > 12
    for cursor in range(len(whole)):
        assert reader.lines(finished, cursor)[1:] == whole[cursor:]


def test_no_cursor_and_an_empty_one_mean_the_beginning(reader: Visitor, finished: str) -> None:
    assert reader.lines(finished)[1:] == reader.lines(finished, "")[1:] == reader.lines(finished, 0)[1:]


@pytest.mark.parametrize("beyond", [0, 1, 1000, 2**63 - 1])
def test_a_cursor_at_or_past_the_end_gets_done_at_once(reader: Visitor, finished: str, beyond: int) -> None:
    last = reader.events(finished)[-1]["data"]["seq"]
    start, *rest = reader.events(finished, min(last + beyond, 2**63 - 1))
    assert start["event"] == "stream_start"
    assert rest == [ENDED | {"data": {"entity_id": finished, "channel": "research"}}]


def test_a_cursor_ahead_of_a_run_that_goes_on_starts_over(
    installation: Installation, visitor: Visitor
) -> None:
    with installation.holding_jobs():
        job_id = visitor.start()
        with visitor.stream(job_id, 500) as response:
            lines = response.iter_lines()
            assert json.loads(next(lines))["event"] == "stream_start"
            reset = json.loads(next(lines))
    assert reset == {
        "v": 1,
        "event": "reset",
        "data": {"entity_id": job_id, "reason": "cursor is ahead of the stream"},
    }
    assert [event["event"] for event in visitor.events(job_id)][-1] == "done"


@pytest.mark.parametrize("cursor", ["-1", "1.5", "abc", "1 ", "%00", "٣", "9" * 19, "9" * 300, "0" * 5000])
def test_a_cursor_that_is_no_whole_number_is_refused(reader: Visitor, finished: str, cursor: str) -> None:
    with reader.stream(finished, cursor) as response:
        body = json.loads(response.read())
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/json"
    assert body == {"detail": "cursor must be a whole number from 0"}


def test_a_foreign_job_is_as_absent_as_one_that_never_was(stranger: Visitor, finished: str) -> None:
    answers = []
    for job_id in (finished, str(uuid.uuid4())):
        with stranger.stream(job_id) as response:
            answers.append((response.status_code, response.read()))
        assert response.headers["content-type"] == "application/json"
    assert answers[0] == answers[1] == (404, b'{"detail":"Not found"}')


@pytest.mark.parametrize(
    ("header", "detail"),
    [
        (None, "Missing Bearer token"),
        ("", "Missing Bearer token"),
        ("Bearer", "Missing Bearer token"),
        ("Basic YTpi", "Missing Bearer token"),
        ("Bearer nonsense", "Invalid token: not a session token"),
        ("Bearer ms_sess_" + "A" * 43, "Invalid token: unknown session"),
    ],
)
def test_without_a_good_token_there_is_no_stream(
    server: Server, finished: str, header: str | None, detail: str
) -> None:
    headers = {} if header is None else {"Authorization": header}
    answer = httpx.get(f"{server.url}/research/{finished}/events", headers=headers)
    assert (answer.status_code, answer.json()) == (401, {"detail": detail})
    assert answer.headers["www-authenticate"] == "Bearer"
    assert re.fullmatch("[0-9a-f]{16}", answer.headers["x-request-id"])


def test_an_expired_and_a_revoked_token_are_told_apart(
    installation: Installation, visitor: Visitor, stranger: Visitor
) -> None:
    set_expiry(installation, visitor, "0")
    assert stranger.http.delete("/auth/session").json() == {"success": True}
    details = []
    for somebody in (visitor, stranger):
        with somebody.stream(str(uuid.uuid4())) as response:
            details.append((response.status_code, json.loads(response.read())["detail"]))
    assert details == [(401, "Token expired"), (401, "Invalid token: session was revoked")]


def expire(installation: Installation, visitor: Visitor) -> None:
    installation.query(
        "UPDATE accounts_session SET expires_at = now() WHERE token_digest = sha256(convert_to(%s, 'UTF8'))",
        visitor.token,
    )


@pytest.mark.parametrize("idea", ["", "   \n\t "])
def test_an_empty_idea_ends_with_an_error_and_done(visitor: Visitor, idea: str) -> None:
    events = visitor.events(visitor.start(idea))
    assert [event["event"] for event in events[-2:]] == ["error", "done"]
    error = events[-2]["data"]
    assert (error["code"], error["retryable"]) == ("EMPTY_INPUT", False)
    assert error["message"]


def test_an_unreadable_idea_ends_with_empty_output_and_no_evidence(visitor: Visitor) -> None:
    job_id = visitor.start("asdf qwer zxcv hjkl")
    events = visitor.events(job_id)
    assert [event["event"] for event in events[-2:]] == ["error", "done"]
    error = events[-2]["data"]
    assert (error["code"], error["retryable"], error["evidence_count"]) == ("EMPTY_OUTPUT", False, 0)
    assert visitor.http.get(f"/research/{job_id}/status").json()["status"] == "failed"


def test_events_arrive_while_the_job_runs(installation: Installation, visitor: Visitor) -> None:
    with ExitStack() as hold:
        hold.enter_context(installation.holding_jobs())
        job_id = visitor.start()
        with visitor.stream(job_id) as response:
            lines = response.iter_lines()
            assert json.loads(next(lines))["event"] == "stream_start"
            assert visitor.http.get(f"/research/{job_id}/status").json()["last_event_seq"] == 0
            hold.close()
            events = [json.loads(line) for line in lines if '"event":"ping"' not in line]
    assert [event["data"]["seq"] for event in events] == list(range(1, len(events) + 1))
    assert events[-1]["event"] == "done"


def test_an_idle_stream_gets_pings_without_a_number(installation: Installation, visitor: Visitor) -> None:
    with visitor.stream(open_stream(installation, visitor)) as response:
        lines = response.iter_lines()
        assert json.loads(next(lines))["event"] == "stream_start"
        assert [next(lines), next(lines)] == ['{"v":1,"event":"ping","data":{}}'] * 2


def test_a_stream_that_is_deleted_ends(installation: Installation, visitor: Visitor) -> None:
    stream_id = open_stream(installation, visitor)
    with visitor.stream(stream_id) as response:
        lines = response.iter_lines()
        next(lines)
        installation.query("DELETE FROM realtime_stream WHERE id = %s", stream_id)
        assert {json.loads(line)["event"] for line in lines} <= {"ping"}


def test_a_stream_ends_after_a_complete_line_when_its_token_expires(
    installation: Installation, visitor: Visitor
) -> None:
    with visitor.stream(open_stream(installation, visitor)) as response:
        chunks = response.iter_raw()
        received = next(chunks)
        set_expiry(installation, visitor, "0")
        received += b"".join(chunks)  # httpx raises when the last chunk is missing
    *lines, rest = received.split(b"\n")
    assert rest == b""
    events = [json.loads(line)["event"] for line in lines]
    assert events[0] == "stream_start"
    assert set(events[1:]) <= {"ping"}


def test_logging_out_cuts_the_sessions_streams(installation: Installation, visitor: Visitor) -> None:
    stream_id = open_stream(installation, visitor)
    with visitor.stream(stream_id) as response, httpx.Client(headers=visitor.http.headers) as other:
        lines = response.iter_lines()
        next(lines)
        assert other.delete(f"{visitor.server.url}/auth/session").status_code == 200
        pings = [line for line in lines if json.loads(line)["event"] == "ping"]
    assert len(pings) <= 3  # one a second: the cut comes within about two


def test_connecting_to_a_stream_prolongs_its_session(
    installation: Installation, reader: Visitor, finished: str
) -> None:
    lives_long = "SELECT expires_at > now() + interval '29 minutes' FROM accounts_session WHERE"
    set_expiry(installation, reader, "1 minute")
    assert installation.query(f"{lives_long} {SESSION}", reader.token) == [(False,)]
    reader.lines(finished)
    assert installation.query(f"{lives_long} {SESSION}", reader.token) == [(True,)]


@contextmanager
def idle_streams(visitor: Visitor, stream_id: str, count: int) -> Iterator[None]:
    """Clients that each have read the first line of a stream and wait for the next."""
    headers = dict(visitor.http.headers)
    with ExitStack() as opened:
        for _ in range(count):
            client = opened.enter_context(httpx.Client(headers=headers, verify=False))
            url = f"{visitor.server.url}/research/{stream_id}/events"
            response = opened.enter_context(client.stream("GET", url))
            chunks = response.iter_raw()
            next(chunks)
            opened.callback(chunks.close)  # forgotten, it would close the connection now
        yield


def test_clients_that_leave_leave_nothing_behind(
    installation: Installation, server: Server, visitor: Visitor
) -> None:
    stream_id = open_stream(installation, visitor)
    _, connections = server.resources()
    for turn in range(5):
        with idle_streams(visitor, stream_id, 10):
            assert server.resources()[1] >= 10
        until(lambda: server.resources()[1] <= connections, "the connections to end")
        if turn == 0:  # what is made once and kept is made now
            threads, _ = server.resources()
    until(lambda: server.resources()[0] <= threads, "the threads to end")
    busy = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state <> 'idle'"
    until(lambda: installation.query(busy) == [(1,)], "the queries to end")  # the asking one


def test_idle_streams_hold_no_threads_and_no_database_connections(
    installation: Installation, server: Server, visitor: Visitor
) -> None:
    stream_id = open_stream(installation, visitor)
    (threads, _), databases = server.resources(), database_connections(installation)
    with idle_streams(visitor, stream_id, 40):
        assert server.resources()[1] >= 40
        until(lambda: server.resources()[0] <= threads + 3, "the threads of idle streams to end")
        assert database_connections(installation) <= databases + 3


def database_connections(installation: Installation) -> int:
    ((count,),) = installation.query(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    )
    return int(count)


def test_head_answers_with_the_headers_and_does_not_wait_for_the_end(
    installation: Installation, visitor: Visitor
) -> None:
    stream_id = open_stream(installation, visitor)
    answer = visitor.http.head(f"/research/{stream_id}/events")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert visitor.http.head(f"/research/{uuid.uuid4()}/events").status_code == 404
    assert visitor.http.post(f"/research/{stream_id}/events").status_code == 405


def test_an_old_client_gets_a_body_that_ends_with_its_connection(
    server: Server, reader: Visitor, finished: str
) -> None:
    status, headers, body = speak(
        server, f"GET /research/{finished}/events HTTP/1.0\nAuthorization: Bearer {reader.token}\n\n"
    )
    assert status.split()[1:] == ["200", "OK"]
    assert "transfer-encoding" not in headers
    assert body.split(b"\n")[1:-1] == reader.lines(finished)[1:]


def test_a_half_closed_connection_still_gets_the_whole_stream(
    server: Server, reader: Visitor, finished: str
) -> None:
    request = f"GET /research/{finished}/events?cursor=5 HTTP/1.1\nHost: localhost\nConnection: close\n"
    status, _, body = speak(server, f"{request}Authorization: Bearer {reader.token}\n\n")
    assert status == "HTTP/1.1 200 OK"
    for line in reader.lines(finished, 5)[1:]:
        assert line in body
