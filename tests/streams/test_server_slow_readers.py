"""Clients that do not read: what they cost, whom they trouble, and when they are cut."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import psutil
import pytest

from tests.helpers.installation import until
from tests.helpers.serving import PLAIN, Served, served
from tests.helpers.wire import PING, Wire, frame, handshake, head

MIB = 1024 * 1024
READERS = 20
SMALL = 4096  # bytes of receive buffer
FLOODS = {"NDJSON": head("GET /flood HTTP/1.1", {"Host": "x"}), "WebSocket": handshake("/flood")}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("slow"), PLAIN, STALL_TIMEOUT="2", LOG_LEVEL="INFO") as running:
        yield running
    assert "Traceback" not in running.log


@pytest.fixture(params=FLOODS)
def flood(request: pytest.FixtureRequest) -> bytes:
    return FLOODS[request.param]


def report(plain: Served) -> dict[str, Any]:
    with plain.client() as client:
        return dict(client.get("/report").json())


def stuck(plain: Served) -> bool:
    """Whether nothing is taken from the application any more."""
    return report(plain)["sent"] == report(plain)["sent"]


def test_readers_that_never_read(plain: Served, flood: bytes) -> None:
    """The application waits for them, in little memory, and they are cut; others notice nothing."""
    before = report(plain)
    process = psutil.Process(plain.process.pid)
    memory = process.memory_info().rss
    with ExitStack() as opened:
        wires = [opened.enter_context(Wire(plain.port, SMALL)) for _ in range(READERS)]
        for wire in wires:
            wire.send(flood)
        until(lambda: stuck(plain), "the readers to be stuck")
        assert process.memory_info().rss - memory < READERS * MIB
        with Wire(plain.port) as other:
            other.open("/echo").send(frame(PING))
            assert other.receive(2) == b"\x8a\x00"
        until(lambda: report(plain)["cut"] == before["cut"] + READERS, "the readers to be cut")
        until(lambda: report(plain)["disconnected"] == before["disconnected"] + READERS)
        for wire in wires:
            with pytest.raises(ConnectionError):
                wire.rest()


def test_reader_that_leaves_while_it_is_waited_for(plain: Served, flood: bytes) -> None:
    before = report(plain)
    with Wire(plain.port, SMALL) as wire:
        wire.send(flood)
        until(lambda: stuck(plain), "the reader to be stuck")
    until(lambda: report(plain)["disconnected"] == before["disconnected"] + 1, patience=1.5)
    assert report(plain)["cut"] == before["cut"]


def test_slow_reader_is_not_cut(plain: Served, flood: bytes) -> None:
    """One that takes a little again and again gets everything, though never all that waits."""
    with Wire(plain.port, SMALL) as wire, Wire(plain.port, SMALL) as stalled:
        before = report(plain)["cut"]
        wire.send(flood)
        stalled.send(flood)
        while report(plain)["cut"] == before:
            wire.receive(SMALL)
        wire.receive(SMALL)


def test_client_that_asks_for_pongs_and_never_reads(plain: Served) -> None:
    memory = psutil.Process(plain.process.pid).memory_info
    with Wire(plain.port, SMALL) as wire:
        wire.open("/flood")
        until(lambda: stuck(plain), "the reader to be stuck")
        before = memory().rss
        pings = frame(PING, b"p" * 125) * 1000
        with pytest.raises((ConnectionError, TimeoutError)):
            wire.press(pings, lambda: memory().rss - before > MIB)


def test_application_that_does_not_read_is_not_buried(plain: Served) -> None:
    """What a client sends meanwhile waits in its own kernel."""
    memory = psutil.Process(plain.process.pid).memory_info
    message = frame(2, b"m" * 60_000)
    before = memory().rss
    with Wire(plain.port) as wire:
        wire.open("/deaf")
        wire.socket.settimeout(0.5)
        with pytest.raises(TimeoutError):
            wire.press(message, lambda: memory().rss - before > 16 * MIB)


def test_pages_are_served_meanwhile(plain: Served, flood: bytes) -> None:
    with Wire(plain.port, SMALL) as wire:
        wire.send(flood)
        until(lambda: stuck(plain), "the reader to be stuck")
        assert httpx.get(f"{plain.url}/echo", trust_env=False).status_code == 200
