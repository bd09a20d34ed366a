"""Somebody who uses a real server from outside, over HTTP and WebSocket only."""

from __future__ import annotations

import json
import socket
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import httpx
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.helpers.installation import Server

IDEA = "a recipe box for families"
Event = dict[str, Any]


class Visitor:
    """A device with a session of its own."""

    def __init__(self, server: Server, token: str = "") -> None:
        self.server = server
        self.http = httpx.Client(base_url=server.url, timeout=30)
        self.device_id = str(uuid.uuid4())
        self.token = token or self._sign_in()
        self.http.headers["Authorization"] = f"Bearer {self.token}"

    def _sign_in(self) -> str:
        answer = self.http.post("/auth/anonymous", json={"device_id": self.device_id})
        return str(answer.raise_for_status().json()["token"])

    def __enter__(self) -> Visitor:
        return self

    def __exit__(self, *error: object) -> None:
        self.http.close()

    def another_session(self) -> Visitor:
        """The same person with a token of their own."""
        return Visitor(self.server, token=self._sign_in())

    def move(self, server: Server) -> None:
        """Go on with another server of the same installation, as a client does whose server came back."""
        self.server = server
        self.http.base_url = server.url

    def start(self, idea: str = IDEA) -> str:
        """Start a research job, also where the same was answered before; returns its id."""
        answer = self.http.post("/research", json={"idea": idea, "refresh": True})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["job_id"])

    def finish(self, idea: str = IDEA) -> str:
        """Start a job and wait for its end."""
        job_id = self.start(idea)
        assert self.events(job_id)[-1]["event"] == "done"
        return job_id

    @contextmanager
    def stream(self, job_id: str, cursor: int | str | None = None) -> Iterator[httpx.Response]:
        parameters = {} if cursor is None else {"cursor": cursor}
        with self.http.stream("GET", f"/research/{job_id}/events", params=parameters) as response:
            yield response

    def lines(self, job_id: str, cursor: int | str | None = None) -> list[bytes]:
        """The whole stream, line by line as it came, without the pings of quiet moments."""
        with self.stream(job_id, cursor) as response:
            body = response.read()
        assert response.status_code == 200, body
        assert body.endswith(b"\n")
        return [line for line in body.removesuffix(b"\n").split(b"\n") if b'"event":"ping"' not in line]

    def events(self, job_id: str, cursor: int | str | None = None) -> list[Event]:
        return [json.loads(line) for line in self.lines(job_id, cursor)]

    @contextmanager
    def socket(self) -> Iterator[Socket]:
        with self.socket_as_it_comes() as opened:
            opened.greet()
            yield opened

    @contextmanager
    def socket_as_it_comes(self) -> Iterator[Socket]:
        """Without a look at what the server says first."""
        with open_socket(self.server, f"/ws?token={self.token}") as opened:
            yield opened


class Socket:
    """A WebSocket that speaks JSON."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.greeting: list[Event] = []

    def greet(self) -> None:
        """Take the frames that come without being asked for."""
        self.send(action="ping")
        self.greeting = self.until("pong")[:-1]
        assert self.greeting[0]["event"] == "connected"

    def send(self, **message: Any) -> None:
        self.connection.send(json.dumps(message))

    def subscribe(self, job_id: str, cursor: int = 0, channel: str = "research") -> None:
        self.send(action="subscribe", entity_id=job_id, channel=channel, cursor=cursor)

    def frame(self) -> bytes:
        """The next frame as it came."""
        text = self.connection.recv(timeout=20)
        assert isinstance(text, str)
        return text.encode()

    def next(self) -> Event:
        event: Event = json.loads(self.frame())
        return event

    def until(self, event: str) -> list[Event]:
        """Frames up to the next one of that event."""
        frames = [self.next()]
        while frames[-1]["event"] != event:
            frames.append(self.next())
        return frames

    def rest(self) -> list[Event]:
        """Frames up to the close, which comes from the server."""
        frames: list[Event] = []
        with suppress(ConnectionClosed):
            while True:
                frames.append(self.next())
        return frames

    def is_quiet(self) -> bool:
        """Whether nothing but the answer to a ping is on its way."""
        self.send(action="ping")
        return self.next()["event"] == "pong"


@contextmanager
def open_socket(
    server: Server, path: str, subprotocols: Sequence[str] | None = None, **headers: str
) -> Iterator[Socket]:
    uri = f"ws://127.0.0.1:{server.port}{path}"
    names = [Subprotocol(name) for name in subprotocols] if subprotocols else None
    with connect(uri, additional_headers=headers, subprotocols=names, compression=None) as connection:
        yield Socket(connection)


def speak(server: Server, request: str) -> tuple[str, dict[str, str], bytes]:
    """Send raw bytes and read until the server closes: status line, headers, body as it came."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(request.replace("\n", "\r\n").encode())
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
    head, _, body = received.partition(b"\r\n\r\n")
    status, *fields = head.decode().split("\r\n")
    pairs = (field.split(": ", 1) for field in fields)
    return status, {name.lower(): value for name, value in pairs}, body
