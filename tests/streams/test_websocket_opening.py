"""How a socket opens, what it is told first, and how it is refused."""

from __future__ import annotations

import re
import uuid

import pytest
from websockets.exceptions import InvalidStatus

from tests.helpers.installation import Installation, Server
from tests.helpers.visitors import Visitor, open_socket
from tests.streams.rows import append, open_stream, set_expiry

PROTOCOL = "manticscore.v1"


def test_the_first_frame_says_who_is_connected_and_when(server: Server, visitor: Visitor) -> None:
    with open_socket(server, f"/ws?token={visitor.token}") as socket:
        first = socket.next()
    assert list(first) == ["v", "event", "data"]
    assert (first["v"], first["event"], set(first["data"])) == (1, "connected", {"user_id", "server_time"})
    assert re.fullmatch(r"anon:[0-9a-f-]{36}", first["data"]["user_id"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", first["data"]["server_time"])


def test_the_token_may_come_in_a_header(server: Server, visitor: Visitor) -> None:
    with open_socket(server, "/ws", Authorization=f"Bearer {visitor.token}") as socket:
        assert socket.next()["event"] == "connected"


def test_a_browser_may_put_the_token_beside_the_subprotocol(server: Server, visitor: Visitor) -> None:
    with open_socket(server, "/ws", [PROTOCOL, f"bearer.{visitor.token}"]) as socket:
        assert socket.next()["event"] == "connected"
        assert socket.connection.subprotocol == PROTOCOL
        assert socket.connection.response is not None
        assert visitor.token not in str(socket.connection.response.headers)


def test_other_subprotocols_are_not_agreed_to(server: Server, visitor: Visitor) -> None:
    with open_socket(server, f"/ws?token={visitor.token}", ["chat", "graphql-ws"]) as socket:
        assert socket.next()["event"] == "connected"
        assert socket.connection.subprotocol is None


@pytest.mark.parametrize(
    ("path", "subprotocols", "headers"),
    [
        ("/ws", [], {}),
        ("/ws?token=", [], {}),
        ("/ws?token=nonsense", [], {}),
        ("/ws?token=ms_sess_" + "A" * 43, [], {}),
        ("/ws", [], {"Authorization": "Basic YTpi"}),
        ("/ws", [], {"Authorization": "Bearer nonsense"}),
        ("/ws?token=%ff%00", [], {}),
        ("/ws", [PROTOCOL], {}),
        ("/ws", [PROTOCOL, "bearer."], {}),
        ("/ws", [PROTOCOL, "bearer.nonsense"], {}),
    ],
)
def test_without_a_good_token_the_socket_opens_and_closes_with_4002(
    server: Server, path: str, subprotocols: list[str], headers: dict[str, str]
) -> None:
    with open_socket(server, path, subprotocols, **headers) as socket:
        assert socket.rest() == []
        assert socket.connection.close_code == 4002
        assert socket.connection.close_reason


def test_a_revoked_token_is_not_valid_any_more(server: Server, visitor: Visitor) -> None:
    visitor.http.delete("/auth/session")
    with open_socket(server, f"/ws?token={visitor.token}") as socket:
        assert socket.rest() == []
        assert socket.connection.close_code == 4002


def test_an_expired_token_is_to_be_renewed(
    server: Server, installation: Installation, visitor: Visitor
) -> None:
    set_expiry(installation, visitor, "0")
    with open_socket(server, f"/ws?token={visitor.token}") as socket:
        assert socket.rest() == [{"v": 1, "event": "auth_expired", "data": {}}]
        assert socket.connection.close_code == 4001


@pytest.mark.parametrize("path", ["/", "/ws/", "/wss", "/research"])
def test_no_other_path_opens_a_socket(server: Server, visitor: Visitor, path: str) -> None:
    with pytest.raises(InvalidStatus) as refused, open_socket(server, f"{path}?token={visitor.token}"):
        pass
    assert refused.value.response.status_code == 403


def test_who_has_done_nothing_gets_no_catchup(visitor: Visitor) -> None:
    with visitor.socket() as socket:
        assert [frame["event"] for frame in socket.greeting] == ["connected"]


def test_catchup_tells_of_work_in_flight_and_of_what_ended_lately(
    installation: Installation, visitor: Visitor, stranger: Visitor
) -> None:
    project_id = str(uuid.uuid4())
    running, fresh, done, old, project = (open_stream(installation, visitor) for _ in range(5))
    open_stream(installation, stranger)
    append(installation, running, "a")
    append(installation, running, "b")
    change = "UPDATE realtime_stream SET created_at = now() - age, closed_at = now() - age, "
    for stream_id, age, values in (
        (fresh, "-2 hours", "channel = 'chat'"),
        (running, "-1 hour", f"stage = 'analyze', project_id = '{project_id}'"),
        (done, "23 hours", "closed_seq = 0, status = 'ready', channel = 'build', title = 'Auth layer'"),
        (old, "25 hours", "closed_seq = 0, status = 'completed'"),
        (project, "0", "channel = 'project', project_id = id"),
    ):
        installation.query(
            f"{change}{values} FROM (SELECT %s::interval AS age) AS given WHERE id = %s", age, stream_id
        )
    with visitor.socket() as socket:
        _, catchup = socket.greeting
    first, second = catchup["data"]["in_flight"]
    assert first == {
        "entity_id": fresh, "channel": "chat", "status": "running", "stage": "", "last_event_seq": 0,
        "project_id": None,
    }  # fmt: skip
    assert second == {
        "entity_id": running, "channel": "research", "status": "running", "stage": "analyze",
        "last_event_seq": 2, "project_id": project_id,
    }  # fmt: skip
    assert catchup["data"]["completed"] == [
        {"entity_id": done, "channel": "build", "project_id": None, "title": "Auth layer"}
    ]
    assert (catchup["v"], catchup["event"]) == (1, "catchup")


def test_catchup_is_bounded_and_has_the_newest(installation: Installation, visitor: Visitor) -> None:
    streams = [open_stream(installation, visitor) for _ in range(75)]
    for number, stream_id in enumerate(streams):
        installation.query(
            "UPDATE realtime_stream SET created_at = now() - age, closed_at = now() - age, closed_seq = %s,"
            " channel = 'chat'"  # which has no job that anybody would miss
            " FROM make_interval(mins => %s) AS age WHERE id = %s",
            0 if number < 23 else None,
            number,
            stream_id,
        )
    with visitor.socket() as socket:
        _, catchup = socket.greeting
    assert [work["entity_id"] for work in catchup["data"]["completed"]] == streams[:20]
    assert [work["entity_id"] for work in catchup["data"]["in_flight"]] == streams[23:73]
