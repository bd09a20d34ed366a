"""SIGTERM and Ctrl-C: what every kind of connection is told, and that the server ends."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.helpers.serving import PLAIN, Served, served
from tests.helpers.wire import CLOSE, Frame, Wire, close, handshake, head

GOING_AWAY = Frame(CLOSE, b"\x03\xe9")
SOCKETS = 20


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path, PLAIN) as running:
        yield running
    assert "Traceback" not in running.log


def get(path: str) -> bytes:
    return head(f"GET {path} HTTP/1.1", {"Host": "127.0.0.1"})


class Stream:
    """Ends after a complete piece, and not as if that had been all."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        wire.send(get("/lines"))
        assert wire.answer().headers["transfer-encoding"] == "chunked"
        assert wire.receive(len(b"400\r\n") + 1024 + len(b"\r\n")).endswith(b"x\n\r\n")

    def is_told(self) -> None:
        assert self.wire.rest() == b"", "without a last chunk"


class Idle:
    """A connection between two requests is closed."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        wire.send(get("/"))
        assert wire.answer().status == 200

    def is_told(self) -> None:
        assert self.wire.rest() == b""


class Working:
    """A request that has arrived gets its answer."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        wire.send(get("/slow"))

    def is_told(self) -> None:
        answer = self.wire.answer()
        assert (answer.status, answer.json()) == (200, {"slow": True})
        assert self.wire.rest() == b"", "and then its connection is closed"


class Arriving:
    """A request that has not arrived yet is refused."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        wire.send(b"GET / HTTP/1.1\r\n")

    def is_told(self) -> None:
        answer = self.wire.answer()
        assert (answer.status, answer.json()) == (503, {"detail": "Service unavailable"})


class Opening(Arriving):
    """So is a handshake that the application has not answered yet."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        wire.send(handshake("/late"))


class Open:
    """A WebSocket gets a close frame, however young it is: daphne knows two halves of a new one."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire.open()

    def is_told(self) -> None:
        assert self.wire.frame() == GOING_AWAY
        self.wire.send(close(1001))
        assert self.wire.rest() == b""


class Behind:
    """One that has much to read gets to its close frame as well."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire.open("/large")

    def is_told(self) -> None:
        assert len(self.wire.frame().payload) == 2 * 1024 * 1024
        assert self.wire.frame() == GOING_AWAY


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_everybody_is_told(plain: Served, end: signal.Signals) -> None:
    kinds = [Stream, Behind, Arriving, *[Open] * SOCKETS, Working, Opening, Idle]
    with ExitStack() as opened:
        clients = [kind(opened.enter_context(Wire(plain.port))) for kind in kinds]
        plain.process.send_signal(end)
        for client in clients:
            client.is_told()
    assert plain.process.wait(10) == 0


def test_those_who_do_not_listen_delay_the_end_only_so_long(plain: Served) -> None:
    with Wire(plain.port) as silent, Wire(plain.port, 4096) as stream, Wire(plain.port, 4096) as flood:
        silent.open()
        stream.send(get("/flood"))
        flood.open("/flood")
        stream.answer()
        started = time.monotonic()
        plain.process.terminate()
        assert silent.frame() == GOING_AWAY
        plain.process.terminate()  # twice is once
        with pytest.raises(ConnectionError):
            socket.create_connection(("127.0.0.1", plain.port), timeout=5)
        assert plain.process.wait(20) == 0
    assert time.monotonic() - started < 15
