"""NDJSON through the Python client: connections that end badly, answers that say no."""

from __future__ import annotations

from contextlib import aclosing

import httpx
import pytest

from manticscore_client import Client, ConnectionLost, Event, HistoryBroken, NotFound, Timing, Unauthorized
from tests.clients.scripted import QUICK, HttpScript, answer, event, http, log, stream, tokens

START = event("stream_start", request_id="1", job_id="2")


async def received(script: HttpScript, *, cursor: int = 0, timing: Timing = QUICK) -> list[Event]:
    async with Client(script.url, tokens(), timing=timing, trust_env=False) as client:
        return [one async for one in client.events("/research/1/events", cursor)]


def numbers(events: list[Event]) -> list[int | None]:
    return [one.seq for one in events]


async def test_a_stream_is_read_to_its_end() -> None:
    lines = START, event("stage", 1), event("ping"), event("unheard_of", 2), event("done", 3)
    async with http(stream(*lines)) as script:
        events = await received(script)
    assert [one.type for one in events] == ["stage", "unheard_of", "done"]
    assert "authorization: bearer token-1" in script.requests[0].lower()


async def test_a_line_that_was_cut_off_comes_again() -> None:
    first = stream(START, event("stage", 1), cut=event("stage", 2)[:20])
    async with http(first, stream(START, event("stage", 2), event("done", 3))) as script:
        assert numbers(await received(script)) == [1, 2, 3]
    assert script.cursors == [0, 1]


async def test_a_body_that_ends_before_the_stream_is_gone_on_with() -> None:
    async with http(stream(START, event("stage", 1)), stream(START, event("done", 2))) as script:
        assert numbers(await received(script)) == [1, 2]


async def test_a_connection_cut_off_after_the_end_needs_no_other() -> None:
    async with http(stream(START, event("done", 1), whole=False)) as script:
        assert numbers(await received(script)) == [1]


async def test_a_job_that_was_tried_again_is_read_to_its_second_end() -> None:
    lines = START, event("error", 1), event("done", 2), event("result", 3), event("done", 4)
    async with http(stream(*lines)) as script:
        assert numbers(await received(script)) == [1, 2, 3, 4]


async def test_a_cursor_at_the_end_gets_the_end() -> None:
    async with http(stream(START, event("done"))) as script:
        assert [(one.type, one.seq) for one in await received(script, cursor=9)] == [("done", None)]
    assert script.cursors == [9]


async def test_a_busy_server_is_asked_again() -> None:
    busy = answer("503 Service Unavailable", '{"detail": "Starting"}', Retry_After="0")
    async with http(busy, busy, stream(START, event("done", 1))) as script:
        assert numbers(await received(script)) == [1]


async def test_a_session_that_is_over_is_renewed_once() -> None:
    over = answer("401 Unauthorized", '{"detail": "Token expired"}')
    async with http(over, stream(START, event("done", 1))) as script:
        assert numbers(await received(script)) == [1]
        assert "token-2" in script.requests[1]
    async with http(over, over) as script:
        with pytest.raises(Unauthorized, match="Token expired"):
            await received(script)


async def test_what_is_not_there_is_not_asked_for_again() -> None:
    async with http(answer("404 Not Found", '{"detail": "Not found"}', X_Request_ID="abc")) as script:
        with pytest.raises(NotFound) as caught:
            await received(script)
    assert (caught.value.status, caught.value.detail, caught.value.request_id) == (404, "Not found", "abc")


async def test_a_gap_is_no_history() -> None:
    async with http(stream(START, event("stage", 1), event("stage", 3))) as script:
        with pytest.raises(HistoryBroken, match="event 3 came after event 1"):
            await received(script)


async def test_patience_ends() -> None:
    async with http() as script:
        url = script.url
    gone = HttpScript([], url=url)
    with pytest.raises(ConnectionLost) as caught:
        await received(gone, timing=Timing(first_wait=0.01, longest_wait=0.01, patience=0.05))
    assert isinstance(caught.value.__cause__, httpx.ConnectError)


async def test_whoever_stops_reading_can_go_on_elsewhere() -> None:
    lines = START, event("stage", 1), event("stage", 2)
    async with (
        http(stream(*lines, whole=False), stream(START, event("stage", 2), event("done", 3))) as script,
        Client(script.url, tokens(), timing=QUICK, trust_env=False) as client,
    ):
        async with aclosing(client.events("/research/1/events")) as events:
            assert (await anext(events)).seq == 1
        assert [one.seq async for one in client.events("/research/1/events", 1)] == [2, 3]


async def test_lines_end_at_line_feeds_alone() -> None:
    text = '{"v":1,"event":"progress","data":{"seq":1,"message":"a\u2028b\u0085c"}}'
    async with http(stream(START, text, event("done", 2))) as script:
        events = await received(script)
    assert events[0].data["message"] == "a\u2028b\u0085c"


async def test_a_silent_stream_is_dead() -> None:
    timing = Timing(stream_silence=0.1, first_wait=0.01)
    events = event("stage", 1), event("done", 2)
    async with http(log(*events[:1], whole=False), log(*events), lingers=True) as script:
        assert numbers(await received(script, timing=timing)) == [1, 2]
