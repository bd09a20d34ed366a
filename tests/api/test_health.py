"""GET /healthz and /readyz"""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test import Client

from realtime import health
from realtime import hub as hubs
from tests.helpers.redis import private_redis

OK = {"status": "ok", "detail": "answers"}
pytestmark = pytest.mark.django_db


def beat(seconds_ago: float) -> None:
    """A worker that gave its last sign of life then."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - make_interval(secs => %s))",
            [seconds_ago],
        )


def ready(client: Client) -> tuple[int, str, dict[str, dict[str, str]]]:
    response = client.get("/readyz")
    body = response.json()
    return response.status_code, body["status"], body["checks"]


def test_healthz_asks_nobody(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never() -> None:
        raise AssertionError

    monkeypatch.setattr(hubs, "current", never)
    assert client.get("/healthz").json() == {"status": "ok"}


def test_with_a_worker_it_is_ready(client: Client) -> None:
    beat(1)
    assert ready(client) == (
        200,
        "ready",
        {
            "database": OK,
            "hub": {"status": "ok", "detail": "reads"},
            "worker": {"status": "ok", "detail": "1 alive"},
            "redis": {"status": "off", "detail": "not configured: one process needs none"},
        },
    )


@pytest.mark.parametrize("workers", [[], [3600.0]], ids=["none", "a dead one"])
def test_without_a_worker_requests_are_served(client: Client, workers: list[float]) -> None:
    for seconds_ago in workers:
        beat(seconds_ago)
    status, overall, checks = ready(client)
    assert (status, overall, checks["worker"]["status"]) == (200, "degraded", "degraded")
    assert checks["database"] == OK


def test_redis_is_pinged(client: Client, settings: LazySettings, tmp_path: Path) -> None:
    beat(1)
    with private_redis(tmp_path) as redis:
        settings.REDIS_URL = redis.url
        assert ready(client)[2]["redis"] == OK
        redis.send(signal.SIGSTOP)
        assert ready(client)[2]["redis"]["status"] == "degraded"
    status, overall, checks = ready(client)
    assert (status, overall, checks["redis"]["status"]) == (200, "degraded", "degraded")


class BrokenHub:
    """Whose pool has no connection to give."""

    async def fetch(self, query: str, parameters: Any) -> list[tuple[Any, ...]]:
        raise hubs.PoolTimeout


@pytest.fixture
def broken_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    async def current() -> BrokenHub:
        return BrokenHub()

    monkeypatch.setattr(hubs, "current", current)


def test_a_hub_that_cannot_read_is_told_from_a_database_that_is_away(
    client: Client, broken_hub: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    status, overall, checks = ready(client)
    assert (status, overall) == (503, "unavailable")
    assert (checks["database"], checks["hub"]["status"]) == (OK, "failed")
    monkeypatch.setattr(hubs, "conninfo", lambda: "host=127.0.0.1 port=1 user=CANARY password=CANARY")
    response = client.get("/readyz")
    body = response.json()
    assert (response.status_code, body["detail"]) == (503, "Service unavailable")
    assert {name: check["status"] for name, check in body["checks"].items()} == {
        "database": "failed", "hub": "failed", "worker": "unknown", "redis": "off",
    }  # fmt: skip
    assert b"CANARY" not in response.content


async def test_a_database_that_hangs_is_told_in_time_and_asked_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A server that accepts connections and never says a word."""
    accepted = []
    silent = await asyncio.start_server(lambda reader, writer: accepted.append(writer), "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    monkeypatch.setattr(hubs, "conninfo", lambda: f"host=127.0.0.1 port={port} user=x sslmode=disable")
    monkeypatch.setattr(health, "PATIENCE", 0.1)
    for _ in range(5):
        assert (await health.check_database()).status is health.Health.FAILED
    assert len(accepted) == 1
    for writer in accepted:
        writer.close()
    silent.close()


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_only_reading(client: Client, path: str) -> None:
    assert client.head(path).status_code == 200
    assert client.post(path).status_code == 405
