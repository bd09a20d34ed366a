"""Logs: no secrets, no forged lines, and the request that every line belongs to."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import socket
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from asgiref.sync import sync_to_async
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from manticscore import logs
from manticscore.accesslog import AccessLog
from manticscore.lib.redact import one_line, redact
from tests import factories
from tests.helpers.canaries import CANARIES, SECRET, WORD, Watch
from tests.helpers.people import Person
from tests.helpers.serving import Served, served

LOGGERS = ["", "daphne", "daphne.http_protocol", "django.request", "django.security", "procrastinate.worker",
           "httpx", "asyncio", "twisted", "manticscore.access", "somebody.elses"]  # fmt: skip


class Kept(logging.Handler):
    """What a handler gets to see, as both formatters write it."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    @property
    def text(self) -> str:
        line, machine = logs.LineFormatter(), logs.JsonFormatter()
        return "\n".join(f"{line.format(r)}\n{machine.format(r)}\n{vars(r)}" for r in self.records)


@pytest.fixture
def kept(caplog: pytest.LogCaptureFixture) -> Iterator[Kept]:
    handler = Kept()
    caplog.set_level(logging.DEBUG)
    logging.getLogger().addHandler(handler)
    yield handler
    logging.getLogger().removeHandler(handler)


# Redaction


@pytest.mark.parametrize("secret", CANARIES.values(), ids=CANARIES.keys())
@pytest.mark.parametrize(
    "text",
    ["{}", "got {}, sorry", "'{}'", "/ws?token={}&x=1", "/{}/events", "a={}", "b'{}'", '{{"k": "{}"}}'],
)
def test_secret_is_taken_out_wherever_it_stands(secret: str, text: str) -> None:
    assert WORD not in redact(text.format(secret))


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Bearer {WORD}-opaque",
        f"authorization: {WORD}",
        f"{{'Authorization': 'Basic {WORD}='}}",
        f"[(b'authorization', b'Bearer {WORD}')]",
        f"Bearer {WORD}",
        f"GET /ws?token={WORD}",
        f"GET /x?access_token={WORD}#there",
        f"token%3D{WORD}",
        f"POSTHOG_API_KEY={WORD}",
        f"https://oauth2:{WORD}@github.com/a/b",
        f"postgresql://app:{WORD}@db/manticscore",
    ],
)
def test_secret_is_known_by_its_place(text: str) -> None:
    assert WORD not in redact(text)


@pytest.mark.parametrize(
    "text",
    [
        "Missing Bearer token",
        "Token expired",
        "GET /research/0b3b1d1e-6f39-4d1c-9b5c-0c8d6d2f5a11/status 200 3.2 ms user",
        "a risk-assessment of task-scheduling-tools",
        "job 7 lost its worker, handing it on",
        "https://example.com:8443/path",
        "12:30:45 something happened @noon",
    ],
)
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert redact(text) == one_line(text) == text


@pytest.mark.parametrize("character", ["\n", "\r", "\x1b", "\x00", "\x7f", "\x85", "\u2028", "\u202e"])
def test_control_characters_are_written_out(character: str) -> None:
    assert character not in one_line(f"a{character}b")


@pytest.mark.parametrize("name", LOGGERS)
@pytest.mark.parametrize("secret", CANARIES.values(), ids=CANARIES.keys())
def test_every_logger_is_covered(kept: Kept, name: str, secret: str) -> None:
    logger = logging.getLogger(name)
    logger.error(secret)
    logger.error("%s and %r", secret, {"token": secret})
    logger.error("does not fit %d", secret)
    try:
        raise ValueError(secret, {"key": secret}) from RuntimeError(secret)
    except ValueError:
        logger.exception("failed with %s", secret)
        logger.error("where", stack_info=True)
    assert len(kept.records) == 5
    assert WORD not in kept.text


def test_line_break_does_not_begin_a_line(kept: Kept) -> None:
    logging.getLogger("x").error("a\n2026-01-01 00:00:00 ERROR forged [-] all is lost")
    try:
        raise ValueError("b\n2026-01-01 00:00:00 ERROR forged [-] all is lost")
    except ValueError:
        logging.getLogger("x").exception("c")
    lines = [line for record in kept.records for line in logs.LineFormatter().format(record).split("\n")]
    assert not [line for line in lines if line.startswith("2026-01-01")]
    assert all("\n" not in logs.JsonFormatter().format(record) for record in kept.records)


def test_json_lines_are_json(kept: Kept) -> None:
    logs.current.set(logs.Request())
    try:
        raise ValueError("no")
    except ValueError:
        logging.getLogger("x").exception("it %s", "failed")
    line = json.loads(logs.JsonFormatter().format(kept.records[0]))
    assert line["level"] == "ERROR"
    assert line["logger"] == "x"
    assert line["message"] == "it failed"
    assert line["request_id"] == "-"
    assert "ValueError: no" in line["exception"]


async def test_request_id_is_known_in_threads_and_tasks(kept: Kept) -> None:
    """Of two requests at once, each with a thread, a task and a thread of a task."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        say = partial_logger(scope["path"])
        say()
        await sync_to_async(say)()
        await asyncio.create_task(in_task(say))

    async def in_task(say: Callable[[], None]) -> None:
        await asyncio.to_thread(say)

    async def never(*_: Any) -> Any:
        raise AssertionError

    app = AccessLog(application)
    await asyncio.gather(*(app({"type": "http", "method": "GET", "path": p}, never, never) for p in "ab"))
    ids = {r.getMessage()[-1]: set() for r in kept.records if r.name == "work"}  # type: ignore[var-annotated]
    for record in kept.records:
        if record.name == "work":
            ids[record.getMessage()[-1]].add(record.request_id)  # type: ignore[attr-defined]
    assert [len(found) for found in ids.values()] == [1, 1]
    assert ids["a"] != ids["b"]


@pytest.mark.parametrize(
    ("sent", "received", "logged"), [(None, 1001, 1001), (4003, 1006, 4003), (None, None, 1006)]
)
async def test_the_code_that_closed_a_socket_is_logged(
    kept: Kept, sent: int | None, received: int | None, logged: int
) -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        if sent:
            await send({"type": "websocket.close", "code": sent})
        await receive()

    async def receive() -> Any:
        code = {} if received is None else {"code": received}
        return {"type": "websocket.disconnect", **code}

    async def send(message: Any) -> None:
        pass

    await AccessLog(application)({"type": "websocket", "path": "/ws"}, receive, send)
    assert kept.records[-1].access["status"] == logged  # type: ignore[attr-defined]


def partial_logger(name: str) -> Callable[[], None]:
    return lambda: logging.getLogger("work").info("in %s", name)


def test_watch_over_the_suite_sees_what_is_logged(no_secrets_in_logs: Watch) -> None:
    before = no_secrets_in_logs.seen
    logging.getLogger("x").error("token %s", CANARIES["session"])
    assert no_secrets_in_logs.seen == before + 1
    assert not no_secrets_in_logs.found


# A real server

SEEN = ("GET", "POST", "PUT", "DELETE", "WS")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("debug", ["0", "1"])
def test_server_writes_no_secret(tmp_path: Path, ada: Person, debug: str) -> None:
    job = str(factories.research_job(ada.principal).pk)
    device = f"device-{uuid.uuid4()}"
    with served(tmp_path, DEBUG=debug, LOG_LEVEL="DEBUG") as server:
        ids = provoke(server, ada, job, device)
    assert len(ids) > 50
    assert WORD not in server.log
    assert ada.token not in server.log
    assert device not in server.log
    assert not [line for line in server.log.splitlines() if SECRET.search(line)]
    assert not [line for line in server.log.splitlines() if line.startswith("forged")]
    assert ids <= request_ids(server.log, debug)
    assert all(f" {method} /" in server.log.replace('"', " ") for method in SEEN)


def request_ids(log: str, debug: str) -> set[str]:
    if debug == "1":
        return {line.split("[", 1)[1][:16] for line in log.splitlines() if " manticscore.access [" in line}
    _, _, written = log.partition("Listening on")  # what comes before are the start's own words
    lines = [json.loads(line) for line in written.splitlines()[1:]]
    access = [line for line in lines if line["logger"] == "manticscore.access"]
    assert {"method", "path", "status", "ms", "principal", "request_id"} <= set(access[0])
    assert {line["principal"] for line in access} == {"none", "anonymous"}
    assert all("?" not in line["path"] for line in access)
    return {line["request_id"] for line in access}


def provoke(server: Served, ada: Person, job: str, device: str) -> set[str]:
    """Requests that would leave secrets in a careless log; the ids they were answered with."""
    answers: list[httpx.Response] = []
    with server.client() as client:
        for secret in [*CANARIES.values(), ada.token]:
            bearer = {"Authorization": f"Bearer {secret}"}
            answers += [
                client.get("/secrets", headers=bearer),
                client.get(f"/research/{job}/status", headers=bearer),
                client.get(f"/research/{job}", headers={"Authorization": f"Basic {secret}"}),
                client.get(f"/nowhere/{secret}"),
                client.get(f"/nowhere?token={secret}"),
                client.get("/ws", params={"token": secret}),
                client.get(f"/research/{job}/events", params={"cursor": secret}, headers=ada.headers),
                client.post("/auth/rebind", json={"device_id": secret}, headers=bearer),
                client.post("/research", content=f'{{"idea": "{secret}', headers=ada.headers),
                client.put("/secrets", json={"github_pat": secret}, headers=ada.headers),
                client.put("/secrets", json={"anthropic_api_key": secret}, headers=ada.headers),
                client.request(secret.replace("=", "")[:20], "/healthz"),
            ]
            talk(server, secret)
        answers.append(client.post("/auth/anonymous", json={"device_id": device}))
        answers.append(client.get("/x%0aforged%20line%0d%1b[31m"))
        answers.append(read_a_line(client, job, ada))
        answers.append(client.delete("/auth/session", headers=ada.headers))
        answers.append(client.get("/research", headers=ada.headers))
    raw(
        server,
        f"GET /?token={CANARIES['session']} HTTP/1.1\r\nHost: x\x0b\r\nX: {CANARIES['jwt']}\x01\r\n\r\n",
    )
    raw(server, f"GET /{CANARIES['mcp']}\xff HTTP/1.1\r\nHost: localhost\r\n\r\n")
    return {answer.headers["X-Request-ID"] for answer in answers if "X-Request-ID" in answer.headers}


def read_a_line(client: httpx.Client, job: str, ada: Person) -> httpx.Response:
    url = f"/research/{job}/events?token={ada.token}"
    with client.stream("GET", url, headers=ada.headers) as response:
        next(response.iter_lines())
    return response


def talk(server: Served, token: str) -> None:
    """A WebSocket with the token in its URL, and one with it in a header."""
    address = f"ws://127.0.0.1:{server.port}"
    for url, headers in (
        (f"{address}/ws?token={token}", {}),
        (f"{address}/ws", {"Authorization": f"Bearer {token}"}),
        (f"{address}/elsewhere?token={token}", {}),
    ):
        with (
            contextlib.suppress(ConnectionClosed, InvalidStatus),
            connect(url, additional_headers=headers, proxy=None) as ws,
        ):
            ws.send(json.dumps({"action": "subscribe", "entity_id": token, "channel": token}))
            ws.recv(5)


def raw(server: Served, request: str) -> None:
    with socket.create_connection(("127.0.0.1", server.port), 5) as connection:
        connection.sendall(request.encode("latin-1"))
        connection.settimeout(1)
        with contextlib.suppress(TimeoutError):
            connection.recv(4096)


@pytest.mark.django_db(transaction=True)
def test_eleventh_open_stream_is_refused(tmp_path: Path, ada: Person, mallory: Person) -> None:
    job, other = (str(factories.research_job(owner.principal).pk) for owner in (ada, mallory))
    with served(tmp_path, RATELIMIT_ENABLE="1") as server, server.client() as client:
        streams = [open_stream(client, job, ada) for _ in range(10)]
        refused = client.get(f"/research/{job}/events", headers=ada.headers)
        assert refused.status_code == 429
        assert int(refused.headers["Retry-After"]) >= 1
        open_stream(client, other, mallory).close()
        for stream in streams:
            stream.close()
        assert eventually(lambda: stream_status(client, job, ada) == 200)


def open_stream(client: httpx.Client, job: str, person: Person) -> httpx.Response:
    request = client.build_request("GET", f"/research/{job}/events", headers=person.headers)
    response = client.send(request, stream=True)
    assert response.status_code == 200
    return response


def stream_status(client: httpx.Client, job: str, person: Person) -> int:
    request = client.build_request("GET", f"/research/{job}/events", headers=person.headers)
    response = client.send(request, stream=True)
    response.close()
    return response.status_code


def eventually(condition: Callable[[], bool]) -> bool:
    return any(condition() for _ in range(50))
