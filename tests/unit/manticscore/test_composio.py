"""The client of Composio, against a server on this machine."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import LazySettings

from manticscore.clients import integrations, services
from manticscore.clients.integrations import composio as client
from manticscore.clients.integrations.composio import Composio
from tests.helpers.composio_server import CHANNEL, KEY, ComposioServer, composio_server, unsuccessful
from tests.helpers.json_server import refusal

TOOL = "SLACK_SEND_MESSAGE"
MESSAGE = {"channel": CHANNEL, "markdown_text": "hello"}


@pytest.fixture
def server() -> Iterator[ComposioServer]:
    with composio_server() as running:
        running.connect("user_ada", "slack")
        yield running


@pytest.fixture
def composio(server: ComposioServer) -> Composio:
    return Composio(f"{server.url}/", KEY)


def send(composio: Composio, **options: Any) -> Any:
    return composio.execute("user_ada", "slack", TOOL, MESSAGE, **options)


def test_who_is_connected(composio: Composio, server: ComposioServer) -> None:
    server.connect("user_bob", "slack", status="EXPIRED")
    found = [
        composio.connected(*who)
        for who in (("user_ada", "slack"), ("user_ada", "jira"), ("user_bob", "slack"))
    ]
    assert found == [True, False, False]


def test_filters_that_are_passed_over(composio: Composio, server: ComposioServer) -> None:
    others = [
        {"toolkit": {"slug": "gmail"}, "status": "ACTIVE"},
        {"toolkit": {"slug": "slack"}, "status": "FAILED"},
    ]
    server.fail("GET", "connected_accounts", lambda: (200, {"items": others}, {}))
    assert not composio.connected("user_ada", "slack")


def test_a_tool_is_executed(composio: Composio, server: ComposioServer) -> None:
    assert send(composio)["channel"] == "C0123"
    assert server.slack[0]["markdown_text"] == "hello"
    assert server.versions == {"latest"}


@pytest.mark.parametrize(
    "wrapped", [{"data": {"ts": "1"}}, {"response_data": {"ts": "1"}}, {"data": {"data": {"ts": "1"}}}]
)
def test_wrapping_is_taken_off(composio: Composio, server: ComposioServer, wrapped: dict[str, Any]) -> None:
    server.fail_tool(TOOL, lambda: (200, {"successful": True, "data": wrapped, "error": None}, {}))
    assert send(composio) == {"ts": "1"}


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, services.RequestRejected),
        (401, services.TokenRejected),
        (403, services.AccessDenied),
        (404, services.Missing),
        (302, services.Missing),
        (500, services.Unavailable),
        (503, services.Unavailable),
    ],
)
def test_failures_by_status(
    composio: Composio, server: ComposioServer, status: int, expected: type[services.ServiceError]
) -> None:
    for fault in (refusal(status), unsuccessful(status)):
        server.fail_tool(TOOL, fault)
        with pytest.raises(expected) as caught:
            send(composio)
        assert type(caught.value) is expected
        assert caught.value.retryable is (status >= 500)
        assert caught.value.code.startswith("SLACK_")
        assert KEY not in repr(caught.value) + repr(composio)
        assert "on purpose" not in caught.value.message


def test_a_failure_that_says_nothing_is_for_good(composio: Composio, server: ComposioServer) -> None:
    server.fail_tool(TOOL, unsuccessful(None))
    with pytest.raises(services.RequestRejected):
        send(composio)


def test_graphql_fails_within_a_success(composio: Composio, server: ComposioServer) -> None:
    data = {"data": None, "errors": [{"message": "on purpose"}]}
    server.fail_tool(TOOL, lambda: (200, {"successful": True, "data": data}, {}))
    with pytest.raises(services.RequestRejected):
        send(composio)


def test_a_limit_says_how_long(composio: Composio, server: ComposioServer) -> None:
    server.fail_tool(TOOL, refusal(429, Retry_After="7"), unsuccessful(429))
    waits = []
    for _ in range(2):
        with pytest.raises(services.RateLimited) as caught:
            send(composio)
        waits.append(caught.value.retry_after)
    assert waits == [7, services.RETRY_AFTER]


def test_disconnected(composio: Composio, server: ComposioServer) -> None:
    server.accounts.clear()
    with pytest.raises(services.NotConnected) as caught:
        send(composio)
    assert (caught.value.code, caught.value.retryable) == ("SLACK_NOT_CONNECTED", False)


def test_the_key_is_wrong(server: ComposioServer) -> None:
    with pytest.raises(services.TokenRejected, match="Composio does not accept the key"):
        Composio(server.url, "ak_wrong").connected("user_ada", "slack")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b"[" * 100_000,
        b'{"data": {}}',
        json.dumps({"successful": True}).encode(),
    ],
    ids=str,
)
def test_answers_that_are_none(composio: Composio, server: ComposioServer, content: bytes) -> None:
    server.fail_tool(TOOL, lambda: (200, content, {}))
    server.fail("GET", "connected_accounts", lambda: (200, content, {}))
    with pytest.raises(services.Unavailable):
        send(composio)
    with pytest.raises(services.Unavailable):
        composio.connected("user_ada", "slack")


def test_an_answer_is_bounded(
    composio: Composio, server: ComposioServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "MAX_BYTES", 1000)
    server.fail_tool(TOOL, lambda: (200, b" " * 1001, {}))
    with pytest.raises(services.Unavailable, match="too large"):
        send(composio)


def test_a_server_that_does_not_answer(server: ComposioServer) -> None:
    server.fail_tool(TOOL, server.hang)
    with pytest.raises(services.Unavailable, match=r"within 0\.2 s"):
        send(Composio(server.url, KEY, seconds=0.2))


def test_nothing_is_sent_after_the_moment_when_it_must_be_over(
    composio: Composio, server: ComposioServer
) -> None:
    with pytest.raises(services.Unavailable):
        send(composio, until=time.monotonic() - 0.001)
    assert server.asked == []


def test_without_a_key_there_is_none(settings: LazySettings) -> None:
    settings.COMPOSIO_API_KEY = ""
    assert integrations.configured() is None
    settings.COMPOSIO_API_KEY = KEY
    assert integrations.configured() == Composio(settings.COMPOSIO_API_URL, KEY)
