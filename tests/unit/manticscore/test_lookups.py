"""manticscore.clients.lookups: name servers that hang hold up nobody beyond the limit.

The name server of these tests answers when the test is over: whoever waited for it would wait for ever.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from manticscore.clients import embedding_service, fetch, llm, lookups
from manticscore.clients.embedding_service import EmbeddingService, ServiceUnavailable
from manticscore.clients.fetch import network
from manticscore.clients.llm.errors import LlmError
from manticscore.clients.llm.http import ANTHROPIC, OPENAI, HttpModel
from manticscore.clients.llm.prices import Rates
from manticscore.clients.websearch import SearchError, http

HANGING = "hanging.example"
URL = f"http://{HANGING}/v1"


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The names that were asked for."""
    asked: list[str] = []
    over = threading.Event()

    def getaddrinfo(host: Any, *args: Any, **options: Any) -> list[Any]:
        asked.append(host.decode() if isinstance(host, bytes) else host)
        over.wait()
        raise socket.gaierror(socket.EAI_AGAIN, "too late")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    yield asked
    over.set()


def search() -> None:
    lookups.run(http.ask("GET", URL))


def embed() -> None:
    EmbeddingService(URL, "words-1").embed(["a box"])


def model(provider: str) -> None:
    request = llm.Request("s", "u", {"type": "object"}, timeout=1.0)
    HttpModel(provider, "m", URL, lambda: "key", Rates(1, 1)).complete(request)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (search, SearchError),
        (embed, ServiceUnavailable),
        (lambda: model(OPENAI), LlmError),
        (lambda: model(ANTHROPIC), LlmError),
    ],
    ids=["search", "embeddings", "openai", "anthropic"],
)
def test_clients_end_at_their_deadline(
    hanging: list[str], monkeypatch: pytest.MonkeyPatch, call: Callable[[], None], error: type[Exception]
) -> None:
    monkeypatch.setattr(http, "SECONDS", 0.2)
    monkeypatch.setattr(embedding_service, "SECONDS", 0.2)
    with pytest.raises(error):
        call()
    assert hanging == [HANGING]


def test_names_are_found() -> None:
    rows = lookups.run(lookups.look_up("127.0.0.1", 80, type=socket.SOCK_STREAM))
    assert [row[4] for row in rows] == [("127.0.0.1", 80)]


def test_an_unknown_name_is_the_error_of_getaddrinfo(monkeypatch: pytest.MonkeyPatch) -> None:
    def getaddrinfo(*args: Any, **options: Any) -> list[Any]:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with pytest.raises(socket.gaierror):
        lookups.run(lookups.look_up("nowhere.example", 80))
    assert lookups.run(network.system_resolver("nowhere.example", 80)) == []


def test_lookups_at_once_are_limited(hanging: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookups, "_free", threading.BoundedSemaphore(1))

    async def two() -> None:
        first = asyncio.ensure_future(lookups.look_up(HANGING, 80))
        await asyncio.sleep(0)
        with pytest.raises(lookups.TooManyLookups):
            await lookups.look_up(HANGING, 80)
        with pytest.raises(fetch.Unreachable) as caught:
            await network.system_resolver(HANGING, 80)
        assert caught.value.reason == "busy"
        first.cancel()

    lookups.run(two())
    assert hanging == [HANGING]
