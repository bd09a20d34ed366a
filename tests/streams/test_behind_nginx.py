"""The nginx configuration that the project ships, with a real nginx and two servers behind it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.helpers import nginx as nginxes
from tests.helpers.installation import Installation, Server, fresh_database
from tests.helpers.nginx import Nginx
from tests.helpers.visitors import Visitor
from tests.streams.rows import append, open_stream

pytestmark = pytest.mark.skipif(nginxes.BINARY is None, reason="nginx is not installed")


@pytest.fixture(scope="module")
def behind(prepared: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with fresh_database("behind_nginx", template=prepared) as url:
        # No Redis: the two find each other's events by looking. And limits by client address are on.
        settings = {"TRUSTED_PROXIES": "1", "STREAM_HEARTBEAT": "1", "RATELIMIT_ENABLE": "1"}
        yield Installation(tmp_path_factory.mktemp("behind"), url, **settings)


@pytest.fixture(scope="module")
def servers(behind: Installation) -> Iterator[list[Server]]:
    with behind.serve() as one, behind.serve("--no-worker") as other:
        one.says("Listening on")
        other.says("Listening on")
        yield [one, other]


@pytest.fixture(scope="module")
def front(servers: list[Server], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    with nginxes.nginx(tmp_path_factory.mktemp("nginx"), [server.port for server in servers]) as running:
        yield running


@pytest.fixture(scope="module")
def ada(front: Nginx) -> Iterator[Visitor]:
    with Visitor(front) as made:
        yield made


def test_a_job_over_both_transports(ada: Visitor, front: Nginx) -> None:
    job_id = ada.start()
    with ada.socket() as socket:
        socket.subscribe(job_id)
        lines = ada.lines(job_id)[1:]
        frames = [socket.frame() for _ in range(len(lines) + 1)]
    assert [frame for frame in frames if b'"event":"subscribed"' not in frame] == lines
    assert b'"event":"done"' in lines[-1]
    assert ada.token not in front.logs()
    assert "GET /ws" in front.access_log.read_text()


def test_lines_come_one_by_one(ada: Visitor, behind: Installation) -> None:
    """The next event is stored when the one before has been read, so nothing may wait for a full buffer."""
    stream_id = open_stream(behind, ada)
    with ada.stream(stream_id) as response:
        lines = response.iter_lines()
        assert "stream_start" in next(lines)
        for number in range(3):
            append(behind, stream_id, f"event {number}")
            line = next(line for line in lines if '"event":"ping"' not in line)
            assert json.loads(line)["data"]["message"] == f"event {number}"


def test_what_nginx_refuses_looks_like_ours(ada: Visitor) -> None:
    answer = ada.http.post("/research", content=b"x" * 300_000)
    assert (answer.status_code, answer.json()) == (413, {"detail": "Payload too large"})
    assert answer.headers["Content-Type"] == "application/json"


def test_metrics_are_not_for_outside(front: Nginx) -> None:
    answer = httpx.get(f"{front.url}/metrics")
    assert (answer.status_code, answer.json()) == (404, {"detail": "Not found"})


def test_the_client_is_counted_by_its_own_address(front: Nginx) -> None:
    """What it claims to be is not believed: the tenth sign-in is the last, whatever the header says."""
    with httpx.Client(base_url=front.url) as client:
        answers = [
            client.post(
                "/auth/anonymous",
                json={"device_id": f"device {n}"},
                headers={"X-Forwarded-For": f"192.0.2.{n}"},
            ).status_code
            for n in range(25)
        ]
    assert 429 in answers


def test_without_servers(tmp_path: Path) -> None:
    with nginxes.nginx(tmp_path, [1]) as alone:
        answer = httpx.get(f"{alone.url}/profile")
        assert (answer.status_code, answer.json()) == (503, {"detail": "Service unavailable"})
        assert answer.headers["Retry-After"] == "1"
        assert httpx.get(f"{alone.url}/ws?token=CANARY").status_code == 503
        assert "CANARY" not in alone.logs()
