"""Sockets and the sessions they run on: their end, and renewal in the open socket."""

from __future__ import annotations

from tests.helpers.installation import Installation, Server
from tests.helpers.visitors import Socket, Visitor
from tests.streams.rows import open_stream, session_expires_in, set_expiry

EXPIRED = {"v": 1, "event": "auth_expired", "data": {}}


def authenticate(socket: Socket, token: str) -> tuple[str, str]:
    """The event of the answer, and its code if it is an error."""
    socket.send(action="auth", token=token)
    answer = socket.next()
    return answer["event"], answer["data"].get("code", "")


def test_an_expiring_session_is_told_and_closes_with_4001(
    installation: Installation, visitor: Visitor
) -> None:
    with visitor.socket() as socket:
        set_expiry(installation, visitor, "0")
        assert socket.rest() == [EXPIRED]
        assert socket.connection.close_code == 4001


def test_logging_out_closes_the_socket_of_the_session_and_no_other(
    visitor: Visitor, stranger: Visitor
) -> None:
    with visitor.socket() as own, stranger.socket() as other:
        assert visitor.http.delete("/auth/session").status_code == 200
        assert own.rest() == [EXPIRED]
        assert own.connection.close_code == 4001
        assert other.is_quiet()


def test_the_token_can_be_renewed_in_the_open_socket(installation: Installation, visitor: Visitor) -> None:
    with visitor.socket() as socket:
        set_expiry(installation, visitor, "1 minute")
        socket.send(action="auth", token=visitor.token)
        answer = socket.next()
        assert answer["event"] == "auth"
        assert answer["data"]["expires_at"].endswith("Z")
        assert session_expires_in(installation, visitor) > 1700
        assert socket.is_quiet()


def test_another_session_of_the_same_user_can_take_over(installation: Installation, visitor: Visitor) -> None:
    stream_id = open_stream(installation, visitor)
    with visitor.another_session() as newer, visitor.socket() as socket:
        socket.subscribe(stream_id)
        assert socket.next()["event"] == "subscribed"
        assert authenticate(socket, newer.token) == ("auth", "")
        assert visitor.http.delete("/auth/session").status_code == 200
        until_swept(visitor.server)
        assert socket.is_quiet()
        assert newer.http.delete("/auth/session").status_code == 200
        assert socket.rest() == [EXPIRED]


def until_swept(server: Server) -> None:
    """Long enough for every ended session to be noticed: another one, that ended later, has been."""
    with Visitor(server) as witness, witness.socket() as socket:
        witness.http.delete("/auth/session")
        assert socket.rest() == [EXPIRED]


def test_another_users_token_is_refused_and_the_socket_stays(visitor: Visitor, stranger: Visitor) -> None:
    with visitor.socket() as socket, stranger.socket() as other:
        assert authenticate(socket, stranger.token) == ("error", "WRONG_USER")
        assert socket.is_quiet()
        assert other.is_quiet()


def test_a_bad_token_leaves_the_socket_as_it_is(
    installation: Installation, visitor: Visitor, stranger: Visitor
) -> None:
    set_expiry(installation, stranger, "0")
    with visitor.socket() as socket:
        assert authenticate(socket, "nonsense") == ("error", "INVALID_TOKEN")
        assert authenticate(socket, "a.b.c") == ("error", "INVALID_TOKEN")
        assert authenticate(socket, stranger.token) == ("error", "TOKEN_EXPIRED")
        assert socket.is_quiet()
        for _ in range(2):
            authenticate(socket, "nonsense")
        assert authenticate(socket, visitor.token) == ("error", "RATE_LIMITED")
        visitor.http.delete("/auth/session")
        assert socket.rest() == [EXPIRED]
