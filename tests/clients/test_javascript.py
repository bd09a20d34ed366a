"""The JavaScript client in Node: against servers that follow a script, and against the real one."""

from __future__ import annotations

import hashlib
import json
import uuid
from typing import Any

import pytest

from tests.clients import node
from tests.clients.scripted import (
    ENTITY,
    Conversation,
    answer,
    event,
    http,
    log,
    says,
    sockets,
    stream,
    tells,
)
from tests.helpers.installation import Running, Server

QUICK = {"firstWait": 10, "longestWait": 20, "patience": 5000, "streamSilence": 1000, "socketSilence": 1000}
START = event("stream_start", request_id="1", job_id="2")
OTHER = "00000000-0000-4000-8000-000000000002"
Printed = list[dict[str, Any]]


async def followed(url: str, transport: str = "ndjson", **how: Any) -> Printed:
    return await node.follow(
        **{"url": url, "transport": transport, "entityId": ENTITY, "timing": QUICK, **how}
    )


def numbers(printed: Printed) -> list[int | None]:
    assert not any("error" in line for line in printed), printed
    return [line["seq"] for line in printed]


def proof(*lines: str) -> dict[str, Any]:
    digest = hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()
    return {"first_seq": 1, "last_seq": len(lines), "count": len(lines), "digest": digest}


# --- NDJSON --------------------------------------------------------------------------------------------


async def test_a_stream_is_read_and_proved_across_connections() -> None:
    one, two = event("stage", 1), event("progress", 2, message="“a\u2028b”")
    first = stream(START, one, cut=two[:20])
    async with http(first, stream(START, two, event("ping"), event("done", 3, **proof(one, two)))) as script:
        assert numbers(await followed(script.url, verify=True)) == [1, 2, 3]
    assert script.cursors == [0, 1]


async def test_busy_servers_and_expired_sessions_are_asked_again() -> None:
    busy = answer("503 Service Unavailable", '{"detail": "Starting"}', Retry_After="0")
    over = answer("401 Unauthorized", '{"detail": "Token expired"}')
    async with http(busy, over, stream(START, event("done", 1))) as script:
        assert numbers(await followed(script.url)) == [1]
    assert [request.lower().split("bearer ")[1].split()[0] for request in script.requests] == [
        "token-1",
        "token-1",
        "token-2",
    ]


async def test_a_silent_stream_is_dead() -> None:
    events = event("stage", 1), event("done", 2)
    timing = {**QUICK, "streamSilence": 200}
    async with http(log(*events[:1], whole=False), log(*events), lingers=True) as script:
        assert numbers(await followed(script.url, timing=timing)) == [1, 2]


@pytest.mark.parametrize(
    ("lines", "error", "message"),
    [
        ([event("stage", 1), event("stage", 3)], "HistoryBroken", "event 3 came after event 1"),
        ([event("stage", 1), event("stage", 1)], "HistoryBroken", "event 1 came after event 1"),
        ([event("stage", 1), event("done", 2)], "Unverifiable", "carries no digest"),
        ([event("stage", 1), event("done", 2, **proof("other"))], "HistoryBroken", "digest"),
        (["nonsense"], "HistoryBroken", "not an event: nonsense"),
    ],
    ids=["gap", "doubled", "no proof", "altered", "no event"],
)
async def test_a_broken_history_is_refused(lines: list[str], error: str, message: str) -> None:
    async with http(stream(START, *lines)) as script:
        printed = await followed(script.url, verify=True)
    assert printed[-1]["error"] == error
    assert message in printed[-1]["message"]


async def test_what_is_not_there_is_not_asked_for_again() -> None:
    async with http(answer("404 Not Found", '{"detail": "Not found"}')) as script:
        assert await followed(script.url) == [{"error": "NotFound", "message": "404: Not found"}]


# --- WebSocket -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [1000, 1001, 1013])
async def test_a_socket_comes_back_with_its_cursor(code: int) -> None:
    async with sockets(says(event("stage", 1), close=code), says(event("done", 2))) as script:
        assert numbers(await followed(script.url, "socket")) == [1, 2]
    assert [talk[0]["cursor"] for talk in script.received] == [0, 1]
    assert script.tokens == ["token-1", "token-1"]


async def test_a_socket_that_was_cut_or_is_silent_comes_back() -> None:
    events = event("stage", 1), event("stage", 2), event("done", 3)
    timing = {**QUICK, "socketSilence": 200}
    async with sockets(tells(*events[:1], cut=True), tells(*events[:2]), tells(*events)) as script:
        assert numbers(await followed(script.url, "socket", timing=timing)) == [1, 2, 3]


async def test_a_replaced_socket_stops() -> None:
    async with sockets(says(close=4003)) as script:
        (printed,) = await followed(script.url, "socket")
    assert printed["error"] == "Replaced"
    assert len(script.received) == 1


async def test_an_expired_session_of_a_socket_is_renewed_once() -> None:
    over = says(event("stage", 1), event("auth_expired"), close=4001)
    async with sockets(over, says(event("done", 2))) as script:
        assert numbers(await followed(script.url, "socket")) == [1, 2]
    assert script.tokens == ["token-1", "token-2"]
    refuses = says(event("auth_expired"), close=4001)
    async with sockets(refuses, refuses) as script:
        (printed,) = await followed(script.url, "socket")
    assert printed["error"] == "Unauthorized"


async def test_all_subscriptions_come_back_in_one_frame() -> None:
    async with sockets(says(event("stage", 1), close=1001), says(event("done", 2))) as script:
        also = [{"entityId": OTHER, "channel": "chat", "cursor": 4}]
        assert numbers(await followed(script.url, "socket", also=also)) == [1, 2]
    late = {"entity_id": OTHER, "channel": "chat", "cursor": 4}
    for cursor, talk in enumerate(script.received):
        wanted = {"entity_id": ENTITY, "channel": "research", "cursor": cursor}
        assert talk == [{"action": "subscribe", "subscriptions": [wanted, late]}]


async def test_the_session_is_renewed_in_the_open_socket() -> None:
    async def talk(conversation: Conversation) -> None:
        await conversation.hears("auth")
        await conversation.say(event("done", 1))

    async with sockets(talk) as script:
        printed = await followed(script.url, "socket", life=100, timing={**QUICK, "socketSilence": 5000})
    assert numbers(printed) == [1]
    assert {"action": "auth", "token": "token-2"} in script.received[0]


# --- The real server -----------------------------------------------------------------------------------


async def test_both_transports_of_the_real_server_are_proved(server: Server, worker: Running) -> None:
    device = str(uuid.uuid4())
    how = {"url": server.url, "device": device, "verify": True, "timing": {}}
    *streamed, end = await node.follow(**how, idea="a recipe box for families")
    result = json.loads(streamed[-2]["raw"])
    assert [line["type"] for line in streamed[-2:]] == ["result", "done"]
    assert end == {"artifact": result["data"]["artifact_hash"]}
    entity_id = result["data"]["entity_id"]
    pushed = await node.follow(**how, transport="socket", entityId=entity_id)
    assert [line for line in pushed if line["seq"]] == streamed
