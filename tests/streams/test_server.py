"""The whole application on our server and on another: what a socket's opening and a slow reader come to."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from websockets.exceptions import InvalidStatus

from tests.helpers.installation import Installation, Server, Uvicorn, fresh_database, until
from tests.helpers.visitors import Visitor, open_socket
from tests.helpers.wire import CLOSE, Wire, frame, handshake, head
from tests.streams.rows import append, open_stream

MIB = 1024 * 1024
COUNT = 600
LARGE = "m" * 60_000  # 600 of them are more than any buffer takes


@pytest.fixture(scope="module")
def uvicorn(installation: Installation, server: Server) -> Iterator[Uvicorn]:
    with installation.uvicorn() as running:
        yield running


def test_page_of_another_origin_is_refused(server: Server, visitor: Visitor) -> None:
    for origin in ("https://evil.example", "null", f"http://localhost:{server.port}"):
        with (
            pytest.raises(InvalidStatus) as refused,
            open_socket(server, f"/ws?token={visitor.token}", Origin=origin),
        ):
            pass
        assert refused.value.response.status_code == 403
        assert json.loads(refused.value.response.body or b"") == {"detail": "Forbidden"}


def test_page_of_our_own_may_connect(server: Server, visitor: Visitor) -> None:
    with open_socket(server, f"/ws?token={visitor.token}", Origin=server.url) as socket:
        assert socket.next()["event"] == "connected"


def test_plain_request_for_the_socket_is_answered_in_json(server: Server) -> None:
    with Wire(server.port) as wire:
        wire.send(handshake("/ws", Upgrade=None, Connection=None))
        answer = wire.answer()
    assert 400 <= answer.status < 500
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["detail"]


def test_frame_that_is_too_large_gets_an_error_and_the_socket_stays(server: Server, visitor: Visitor) -> None:
    with visitor.socket() as socket:
        socket.connection.send("x" * 20_000)
        assert socket.until("error")[-1]["data"]["code"] == "FRAME_TOO_LARGE"
        assert socket.is_quiet()


def test_frame_beyond_measure_ends_the_socket(server: Server, visitor: Visitor) -> None:
    with Wire(server.port) as wire:
        wire.open(f"/ws?token={visitor.token}")
        wire.send(frame(1, b"x" * (MIB + 1)))
        while (answer := wire.frame()).opcode != CLOSE:
            pass
        assert answer.code == 1009
        assert wire.rest() == b""


@pytest.fixture(scope="module")
def patient(prepared: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Installation, Server]]:
    """A server that cuts slow readers soon."""
    with fresh_database("patient", template=prepared) as url:
        installation = Installation(tmp_path_factory.mktemp("patient"), url, STALL_TIMEOUT="2")
        with installation.serve("--no-worker") as running:
            running.says("Listening on")
            yield installation, running


@pytest.mark.parametrize("transport", ["NDJSON", "WebSocket"])
def test_reader_that_was_cut_goes_on_where_it_was(
    patient: tuple[Installation, Server], transport: str
) -> None:
    installation, server = patient
    with Visitor(server) as visitor:
        stream_id = open_stream(installation, visitor)
        with Wire(server.port, 4096) as slow:
            if transport == "NDJSON":
                path = f"/research/{stream_id}/events"
                slow.send(head(f"GET {path} HTTP/1.1", {"Host": "localhost", **authorization(visitor)}))
            else:
                slow.open("/ws", **authorization(visitor))
                message = {"action": "subscribe", "channel": "research", "entity_id": stream_id}
                slow.send(frame(1, json.dumps(message).encode()))
            cut = server.output.count("took nothing")
            append_many(installation, stream_id)
            until(lambda: server.output.count("took nothing") > cut, "the reader to be cut")
            with pytest.raises(ConnectionError):
                slow.rest()
        with visitor.stream(stream_id, COUNT // 2) as response:
            lines = response.iter_lines()
            events = [json.loads(next(lines)) for _ in range(COUNT // 2 + 1)]
    assert [event["data"].get("seq") for event in events] == [None, *range(COUNT // 2 + 1, COUNT + 1)]


def authorization(visitor: Visitor) -> dict[str, str]:
    return {"Authorization": f"Bearer {visitor.token}"}


def append_many(installation: Installation, stream_id: str) -> None:
    installation.query(
        "WITH head AS (UPDATE realtime_stream SET last_seq = %s WHERE id = %s RETURNING id)"
        " INSERT INTO realtime_event (stream_id, seq, type, data)"
        " SELECT id, number, 'progress', jsonb_build_object('stage', 'search', 'message', %s::text)"
        " FROM head, generate_series(1, %s) AS number",
        COUNT,
        stream_id,
        LARGE,
        COUNT,
    )


def test_streams_are_the_same_on_another_server(
    uvicorn: Uvicorn, installation: Installation, reader: Visitor, finished: str
) -> None:
    """Line for line over HTTP, frame for frame over a WebSocket, and live."""
    ours = reader.lines(finished)[1:]
    with Visitor(uvicorn, reader.token) as abroad:
        assert abroad.lines(finished)[1:] == ours
        with abroad.socket() as socket:
            socket.subscribe(finished)
            assert [socket.frame() for _ in ours] == ours
        stream_id = open_stream(installation, abroad)
        with abroad.stream(stream_id) as response:
            lines = response.iter_lines()
            assert json.loads(next(lines))["event"] == "stream_start"
            append(installation, stream_id, "live")
            while (event := json.loads(next(lines)))["event"] == "ping":
                pass
        assert (event["event"], event["data"]["message"]) == ("progress", "live")
    assert "Traceback" not in uvicorn.output


def test_other_servers_refuse_large_bodies_too(uvicorn: Uvicorn) -> None:
    with Wire(uvicorn.port) as wire:
        wire.send(head("POST /research HTTP/1.1", {"Host": "localhost", "Content-Length": "300000"}))
        wire.send(b"x" * 300_000)
        assert wire.answer().status == 413


def test_server_ends_with_sockets_and_streams_open(installation: Installation, reader: Visitor) -> None:
    with installation.serve("--no-worker") as ending, Visitor(ending, reader.token) as visitor:
        ending.says("Listening on")
        stream_id = open_stream(installation, visitor)
        with visitor.stream(stream_id) as response, visitor.socket() as socket:
            assert json.loads(next(response.iter_lines()))["event"] == "stream_start"
            socket.subscribe(stream_id)
            socket.until("subscribed")
            ending.signal(15)
            assert ending.wait(15) == 0
        assert "Traceback" not in ending.output
        assert "ERROR" not in ending.output


@pytest.mark.parametrize(
    ("environment", "status"), [({}, 200), ({"ALLOWED_HOSTS": "localhost,127.0.0.1"}, 400)], ids=str
)
def test_listening_on_every_address_answers_to_every_name(
    installation: Installation, environment: dict[str, str], status: int
) -> None:
    """Unless the operator named the names."""
    arguments = ("serve", "--no-worker", "--port", "0", "--host", "0.0.0.0")
    with installation.start(*arguments, **environment) as running:
        port = int(running.says("Listening on").split("://0.0.0.0:")[1].split()[0])
        with Wire(port) as wire:
            wire.send(head("GET /healthz HTTP/1.1", {"Host": "anything.example"}))
            assert wire.answer().status == status
