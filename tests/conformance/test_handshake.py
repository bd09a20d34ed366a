"""The opening handshake: what becomes a WebSocket, and what is told why it does not."""

from __future__ import annotations

import re

import pytest

from tests.helpers.wire import ACCEPT, KEY, PONG, TEXT, UPGRADE, Frame, Wire, frame, handshake, head


def test_handshake(wire: Wire) -> None:
    wire.send(handshake())
    answer = wire.answer()
    assert answer.status == 101
    assert answer.headers["sec-websocket-accept"] == ACCEPT
    assert answer.headers["upgrade"].lower() == "websocket"
    assert answer.headers["connection"].lower() == "upgrade"
    assert set(answer.headers) == {"sec-websocket-accept", "upgrade", "connection"}


@pytest.mark.parametrize(
    "changes",
    [
        {"Upgrade": "WebSocket"},
        {"Connection": "keep-alive, upgrade"},
        {"Connection": "UPGRADE"},
        {"Origin": "null"},
        {"Origin": "https://elsewhere.example"},
        {"Sec_WebSocket_Protocol": "chat, superchat"},
        {"Sec_WebSocket_Extensions": "permessage-deflate"},
        {"Sec_WebSocket_Extensions": "permessage-deflate; client_max_window_bits=99"},
        {"Sec_WebSocket_Extensions": "x-unknown; ;;=,"},
        {"Host": "[::1]:8000"},
        {"User_Agent": "\xe9"},
    ],
    ids=str,
)
def test_accepted(wire: Wire, changes: dict[str, str]) -> None:
    wire.send(handshake(**changes))
    answer = wire.answer()
    assert answer.status == 101
    assert "sec-websocket-extensions" not in answer.headers, "we never compress"


REFUSED: dict[str, tuple[bytes, int, str]] = {
    "no version": (handshake(Sec_WebSocket_Version=None), 400, "Hixie76"),
    "version 8": (handshake(Sec_WebSocket_Version="8"), 400, "version 8 not supported"),
    "version 99": (handshake(Sec_WebSocket_Version="99"), 400, "version 99 not supported"),
    "version in words": (handshake(Sec_WebSocket_Version="thirteen"), 400, "Version"),
    "two versions": (handshake(Sec_WebSocket_Version="13, 8"), 400, "Version"),
    "no key": (handshake(Sec_WebSocket_Key=None), 400, "Key header missing"),
    "short key": (handshake(Sec_WebSocket_Key="c2hvcnQ="), 400, "length must be 24"),
    "key that is not base64": (handshake(Sec_WebSocket_Key="!" * 22 + "=="), 400, "bad character"),
    "no Connection": (handshake(Connection=None), 400, "Connection header missing"),
    "Connection without upgrade": (handshake(Connection="keep-alive"), 400, "Connection headers"),
    "no Host": (handshake(Host=None), 400, "Host header missing"),
    "port in words": (handshake(Host="localhost:http"), 400, "invalid port"),
    "Origin that is no URL": (handshake(Origin="what?"), 400, "Origin header invalid"),
    "same subprotocol twice": (handshake(Sec_WebSocket_Protocol="a, a"), 400, "duplicate protocol"),
    "subprotocol beyond ASCII": (handshake(Sec_WebSocket_Protocol="\xe9"), 400, "must be ASCII"),
    "fragment in the path": (handshake("/echo#here"), 400, "fragment identifier"),
    "refused by the application": (handshake("/refused"), 403, "Forbidden"),
    "POST": (head("POST /echo HTTP/1.1", UPGRADE), 405, "Method not allowed"),
    "HTTP/1.0": (head("GET /echo HTTP/1.0", UPGRADE), 400, "HTTP/1.1"),
    "body": (head("GET /echo HTTP/1.1", UPGRADE | {"Content-Length": "5"}) + b"hello", 400, "no body"),
    "vertical tab in a header": (handshake(X_Odd="a\x0bb"), 400, "Invalid header value"),
    "next line in a header": (handshake(X_Odd="a\x85b"), 400, "Invalid header value"),
    "separator in a header": (handshake(X_Odd="a\x1cAuthorization: x"), 400, "Invalid header value"),
    "NUL in a header": (handshake(X_Odd="a\x00b"), 400, "Bad request"),
    "space in a header's name": (handshake(**{"X Odd": "x"}), 400, "Bad request"),
    "path beyond ASCII": (handshake("/\xe9"), 400, "Bad request"),
    "query beyond ASCII": (handshake("/echo?\xe9"), 400, "Bad request"),
    "huge header": (handshake(X_Huge="x" * 17_000), 431, "Request header fields too large"),
    "huge path": (handshake("/" + "x" * 9_000), 414, "URI too long"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(wire: Wire, name: str) -> None:
    request, status, detail = REFUSED[name]
    wire.send(request)
    answer = wire.answer()
    assert answer.status == status, answer
    assert detail in answer.json()["detail"]
    assert answer.headers["content-type"] == "application/json"
    assert re.fullmatch("[0-9a-f]{16}", answer.headers["x-request-id"])
    assert wire.rest() == b"", "and the connection is closed"


def test_supported_version_is_told(wire: Wire) -> None:
    wire.send(handshake(Sec_WebSocket_Version="8"))
    assert wire.answer().headers["sec-websocket-version"] == "13"


def test_without_upgrade_it_is_a_request(wire: Wire) -> None:
    wire.send(handshake(Upgrade=None))
    answer = wire.answer()
    assert (answer.status, answer.json()["path"]) == (200, "/echo")


def test_upgrade_to_something_else_is_a_request(wire: Wire) -> None:
    wire.send(handshake(Upgrade="h2c"))
    assert wire.answer().status == 200


def test_upgrade_after_requests_on_the_same_connection(wire: Wire) -> None:
    wire.send(handshake(Upgrade=None))
    assert wire.answer().status == 200
    wire.open().send(frame(TEXT, b"x"))
    assert wire.frame() == Frame(TEXT, b"x")


def test_second_handshake_before_the_answer_to_the_first(wire: Wire) -> None:
    wire.send(handshake("/late"))
    wire.send(handshake("/late"))
    assert wire.answer().headers["sec-websocket-accept"] == ACCEPT
    # Its first bytes are no frame.
    assert wire.frame().code == 1002


def test_no_more_than_a_little_is_kept_before_the_answer(wire: Wire) -> None:
    wire.send(handshake("/late"))
    with pytest.raises(ConnectionError):
        wire.press(b"x" * 65536)


def test_root_path_and_forwarding_are_not_the_clients_to_say(wire: Wire) -> None:
    wire.open("/scope", Daphne_Root_Path="/evil", X_Forwarded_For="6.6.6.6", X_Forwarded_Proto="https")
    seen = wire.frame().payload.decode()
    assert '"root_path": ""' in seen
    assert '"client": "127.0.0.1"' in seen
    assert "daphne-root-path" not in seen
    assert "manticscore.frames" in seen


def test_key_of_the_rfc(wire: Wire) -> None:
    assert KEY in handshake().decode()
    wire.open().send(frame(PONG))
