"""What our server refuses before an application sees it: too large, too slow, or not HTTP."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import psutil
import pytest

from tests.helpers.serving import PLAIN, Served, served
from tests.helpers.wire import Answer, Wire, head

LIMIT = 256 * 1024
HOST = {"Host": "127.0.0.1"}
MIB = 1024 * 1024


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("limits"), PLAIN, REQUEST_DEADLINE="1", LOG_LEVEL="INFO") as running:
        yield running
    failures = [line for line in running.log.splitlines() if "Traceback" in line]
    assert [line for line in failures if "on purpose" not in line] == []


@pytest.fixture
def wire(plain: Served) -> Iterator[Wire]:
    with Wire(plain.port) as opened:
        yield opened


def post(**headers: str) -> bytes:
    return head("POST /here?secret=1 HTTP/1.1", HOST | {k.replace("_", "-"): v for k, v in headers.items()})


def assert_refused(wire: Wire, status: int, detail: str) -> Answer:
    answer = wire.answer()
    assert (answer.status, answer.json()["detail"]) == (status, detail)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["connection"] == "close"
    assert re.fullmatch("[0-9a-f]{16}", answer.headers["x-request-id"])
    assert wire.rest() == b"", "closed in order"
    return answer


# Bodies.


def test_largest_body(wire: Wire) -> None:
    wire.send(post(Content_Length=str(LIMIT)) + b"x" * LIMIT)
    assert wire.answer().json()["received"] == LIMIT


def test_body_announced_as_too_large(wire: Wire) -> None:
    wire.send(post(Content_Length=str(LIMIT + 1)))
    assert_refused(wire, 413, "Payload too large")


def test_client_that_asks_first_is_told_to_spare_its_body(wire: Wire) -> None:
    wire.send(post(Content_Length=str(300 * MIB), Expect="100-continue"))
    assert_refused(wire, 413, "Payload too large")


def test_client_that_asks_first_may_send_a_body_that_fits(wire: Wire) -> None:
    wire.send(post(Content_Length="5", Expect="100-continue"))
    assert wire.until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    wire.send(b"hello")
    assert wire.answer().json()["received"] == 5


def test_chunks_up_to_the_limit(wire: Wire) -> None:
    wire.send(post(Transfer_Encoding="chunked") + b"%x\r\n%b\r\n" % (LIMIT, b"x" * LIMIT) + b"0\r\n\r\n")
    assert wire.answer().json()["received"] == LIMIT


def test_chunks_beyond_the_limit(wire: Wire) -> None:
    chunk = b"1000\r\n" + b"x" * 0x1000 + b"\r\n"
    wire.send(post(Transfer_Encoding="chunked") + chunk * 65)
    assert_refused(wire, 413, "Payload too large")


def test_a_chunk_in_which_the_limit_is_crossed_may_end_the_body(wire: Wire) -> None:
    wire.send(
        post(Transfer_Encoding="chunked") + b"%x\r\n%b\r\n" % (LIMIT + 1, b"x" * (LIMIT + 1)) + b"0\r\n\r\n"
    )
    assert_refused(wire, 413, "Payload too large")


@pytest.mark.parametrize(
    "headers", [{"Content-Length": str(300 * MIB)}, {"Transfer-Encoding": "chunked"}], ids=str
)
def test_upload_of_300_megabytes_leaves_no_trace(plain: Served, headers: dict[str, str]) -> None:
    process = psutil.Process(plain.process.pid)
    before = process.memory_info().rss
    with Wire(plain.port) as wire:
        wire.send(head("POST /here HTTP/1.1", HOST | headers))
        with suppress(ConnectionError):  # it may be cut while it still sends
            for _ in range(300):
                wire.send(b"100000\r\n" + b"x" * MIB + b"\r\n")
        assert wire.answer().status == 413
    assert process.memory_info().rss - before < 4 * MIB
    assert {file.path for file in process.open_files()} <= {str(plain.output)}


def test_refusals_are_logged_without_the_query(plain: Served, wire: Wire) -> None:
    wire.send(post(Content_Length=str(LIMIT + 1)))
    request_id = assert_refused(wire, 413, "Payload too large").headers["x-request-id"]
    [line] = [line for line in plain.log.splitlines() if request_id in line]
    assert "POST /here 413" in line
    assert "secret" not in line


# Heads.

HEADS: dict[str, tuple[bytes, int, str]] = {
    "long path": (head(f"GET /{'x' * 9000} HTTP/1.1", HOST), 414, "URI too long"),
    "endless path": (b"GET /" + b"x" * 40_000, 414, "URI too long"),
    "large header": (head("GET / HTTP/1.1", HOST | {"X-Large": "x" * 15_000, "Y": "y" * 2_000}), 431,
                     "Request header fields too large"),
    "endless header": (b"GET / HTTP/1.1\r\nX: " + b"x" * 40_000, 431, "Request header fields too large"),
    "many headers": (head("GET / HTTP/1.1", {f"X-{n}": "x" for n in range(600)}), 400, "Bad request"),
    "not HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 400, "Bad request"),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "Bad request"),
    "HTTP/0.9": (b"GET /\r\n\r\n", 400, "Bad request"),
    "no colon": (b"GET / HTTP/1.1\r\nHost\r\n\r\n", 400, "Bad request"),
    "length in words": (post(Content_Length="five"), 400, "Bad request"),
    "negative length": (post(Content_Length="-1"), 400, "Bad request"),
    "length and chunks": (post(Content_Length="5", Transfer_Encoding="chunked"), 400, "Bad request"),
    "unknown coding": (post(Transfer_Encoding="gzip"), 400, "Bad request"),
    "chunk of no size": (post(Transfer_Encoding="chunked") + b"zz\r\n", 400, "Bad request"),
    "vertical tab": (head("GET / HTTP/1.1", HOST | {"X": "a\x0bb"}), 400, "Invalid header value"),
    "next line": (head("GET / HTTP/1.1", HOST | {"X": "a\x85b"}), 400, "Invalid header value"),
}  # fmt: skip


@pytest.mark.parametrize("name", HEADS)
def test_head_that_is_refused(wire: Wire, name: str) -> None:
    sent, status, detail = HEADS[name]
    wire.send(sent)
    assert_refused(wire, status, detail)


def test_requests_after_a_refused_one_are_not_read(wire: Wire) -> None:
    wire.send(b"GET /\r\n\r\n" + head("GET / HTTP/1.1", HOST))
    assert_refused(wire, 400, "Bad request")


def test_what_clients_must_not_decide(wire: Wire) -> None:
    wire.send(
        head(
            "GET / HTTP/1.1",
            HOST
            | {
                "Daphne-Root-Path": "/evil\xe9",
                "X-Forwarded-For": "6.6.6.6",
                "X-Forwarded-Proto": "https",
                "Forwarded": "for=6.6.6.6",
            },
        )
    )
    seen = wire.answer().json()
    assert (seen["root_path"], seen["client"], seen["scheme"]) == ("", "127.0.0.1", "http")
    assert "daphne-root-path" not in seen["headers"]


def test_application_that_fails(wire: Wire) -> None:
    wire.send(head("GET /fails HTTP/1.1", HOST))
    answer = assert_refused(wire, 500, "Internal server error")
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


def test_application_that_fails_in_the_middle(wire: Wire) -> None:
    wire.send(head("GET /breaks-off HTTP/1.1", HOST))
    assert wire.answer().status == 200
    with pytest.raises(ConnectionError):  # no regular end that could be taken for the whole
        wire.rest()


# Time.

PARTS: dict[str, bytes] = {
    "nothing after a byte": b"G",
    "half a head": b"GET /here HTTP/1.1\r\nHost: x\r\n",
    "half a body": post(Content_Length="10") + b"hello",
    "half a chunk": post(Transfer_Encoding="chunked") + b"a\r\nhello",
    "half a handshake": head("GET /here HTTP/1.1", {"Upgrade": "websocket"})[:-2],
}


def test_requests_that_do_not_arrive(plain: Served) -> None:
    with ExitStack() as opened:
        wires = [opened.enter_context(Wire(plain.port)) for _ in PARTS]
        for wire, part in zip(wires, PARTS.values(), strict=True):
            wire.send(part)
        for wire in wires:
            assert_refused(wire, 408, "Request timeout")


def test_requests_that_trickle(plain: Served) -> None:
    """The deadline is for the whole: a byte every now and then does not move it."""
    over = threading.Event()

    def trickle() -> None:
        with suppress(ConnectionError):
            while not over.wait(0.1):
                in_head.send(b"X: y\r\n")
                in_body.send(b"x")

    with Wire(plain.port) as in_head, Wire(plain.port) as in_body:
        in_head.send(b"GET /here HTTP/1.1\r\n")
        in_body.send(post(Content_Length="100000"))
        trickling = threading.Thread(target=trickle)
        trickling.start()
        try:
            assert (in_head.answer().status, in_body.answer().status) == (408, 408)
        finally:
            over.set()
            trickling.join()


def test_deadline_is_over_when_the_request_is_complete(plain: Served, wire: Wire) -> None:
    """A stream, a WebSocket and an idle connection outlive the deadline of a later request."""
    with Wire(plain.port) as stream, Wire(plain.port) as websocket, Wire(plain.port) as slow:
        stream.send(head("GET /lines HTTP/1.1", HOST))
        assert stream.answer().status == 200
        websocket.open()
        slow.send(b"G")
        assert slow.answer().status == 408
        assert len(stream.receive(1024)) == 1024
        websocket.send(b"\x89\x80aaaa")
        assert websocket.receive(2) == b"\x8a\x00"
        wire.send(head("GET / HTTP/1.1", HOST))
        assert wire.answer().status == 200, "it had not begun"
