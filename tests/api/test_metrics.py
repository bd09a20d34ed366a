"""GET /metrics"""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from realtime import hub as hubs
from realtime import metrics, publish
from tests import factories
from tests.helpers.hubs import TransactionHub
from tests.helpers.log import progress

pytestmark = pytest.mark.django_db
TOKEN = "CANARY-of-the-monitor"


@pytest.fixture(autouse=True)
def open_to_this_machine(settings: LazySettings) -> None:
    settings.METRICS_WITHOUT_TOKEN = True


def samples(client: Client, **headers: str) -> dict[str, float]:
    """Value by name and labels, as Prometheus reads it."""
    response = client.get("/metrics", headers=headers)
    assert response.status_code == 200
    assert response["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    families = text_string_to_metric_families(response.content.decode())
    return {
        sample.name + "".join(f" {value}" for value in sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
    }


def execute(statement: str, *parameters: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchone() if cursor.description else None


def job(status: str, queue: str = "interactive", seconds_ago: float = 0, worker: int | None = None) -> int:
    """A row of the queue that has been there for so long."""
    (number,) = execute(
        "INSERT INTO procrastinate_jobs (queue_name, task_name, args, status, worker_id)"
        " VALUES (%s, 'x', '{}', %s, %s) RETURNING id",
        queue, status, worker,
    )  # fmt: skip
    execute(
        "UPDATE procrastinate_events SET at = now() - make_interval(secs => %s) WHERE job_id = %s",
        seconds_ago, number,
    )  # fmt: skip
    return int(number)


def test_the_queue_by_name(client: Client) -> None:
    job("todo", seconds_ago=100)
    job("todo", seconds_ago=50)
    job("doing", "background", seconds_ago=70, worker=worker(0))
    told = samples(client)
    assert told["manticscore_jobs_waiting interactive"] == 2
    assert told["manticscore_jobs_waiting background"] == 0
    assert told["manticscore_jobs_running background"] == 1
    assert told["manticscore_jobs_oldest_waiting_seconds interactive"] == pytest.approx(100, abs=1)
    assert told["manticscore_jobs_oldest_waiting_seconds background"] == 0
    assert told["manticscore_database_up"] == 1


def test_a_job_for_later_has_not_waited(client: Client) -> None:
    number = job("todo", seconds_ago=100)
    execute("UPDATE procrastinate_jobs SET scheduled_at = now() + interval '1 hour' WHERE id = %s", number)
    told = samples(client)
    assert told["manticscore_jobs_waiting interactive"] == 1
    assert told["manticscore_jobs_oldest_waiting_seconds interactive"] == 0


def worker(seconds_ago: float) -> int:
    statement = (
        "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - make_interval(secs => %s))"
        " RETURNING id"
    )
    return int(execute(statement, seconds_ago)[0])


def test_stalled_jobs_and_living_workers(client: Client) -> None:
    alive, dead = worker(1), worker(200)
    job("doing", worker=alive)
    assert samples(client)["manticscore_jobs_stalled"] == 0
    job("doing", worker=dead)
    job("doing", worker=None)
    told = samples(client)
    assert told["manticscore_jobs_stalled"] == 2
    assert told["manticscore_jobs_oldest_stalled_seconds"] == pytest.approx(200, abs=1)
    assert told["manticscore_workers_alive"] == 1


def test_streams_by_channel(client: Client) -> None:
    factories.stream()
    factories.stream(channel="build")
    factories.stream(channel="build", closed_seq=3, last_seq=3)
    told = samples(client)
    assert (told["manticscore_streams_open research"], told["manticscore_streams_open build"]) == (1, 1)


@pytest.mark.django_db(transaction=True)
def test_appended_events_are_counted_by_the_database(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    async def current() -> TransactionHub:
        return TransactionHub()

    monkeypatch.setattr(hubs, "current", current)
    before = samples_when_flushed(client)
    stream = factories.stream()
    for _ in range(3):
        publish.append(stream.id, stream.attempt, [progress()])
    assert samples_when_flushed(client) >= before + 3


def samples_when_flushed(client: Client) -> float:
    execute("SELECT pg_stat_force_next_flush()")
    execute("SELECT pg_stat_clear_snapshot()")
    return samples(client)["manticscore_events_appended_total"]


def test_counters_of_this_process(client: Client) -> None:
    before = samples(client)
    metrics.delivered_by_ndjson.inc(5)
    metrics.delivery_lag.observe(0.02)
    with metrics.open_websockets.track_inprogress():
        told = samples(client)
    for name, moved in {
        "manticscore_events_delivered_total ndjson": 5,
        "manticscore_events_delivered_total websocket": 0,
        "manticscore_delivery_lag_seconds_count": 1,
        "manticscore_delivery_lag_seconds_bucket 0.01": 0,
        "manticscore_delivery_lag_seconds_bucket 0.025": 1,
        "manticscore_open_websockets": 1,
    }.items():
        assert told[name] - before[name] == moved, name
    assert told["process_open_fds"] > 0
    assert told["process_resident_memory_bytes"] > 1_000_000


def test_a_database_that_is_away_costs_its_own_numbers_only(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def current() -> Any:
        raise hubs.PoolTimeout

    monkeypatch.setattr(hubs, "current", current)
    told = samples(client)
    assert told["manticscore_database_up"] == 0
    assert "manticscore_open_websockets" in told
    assert "manticscore_jobs_stalled" not in told


@pytest.mark.parametrize("address", ["203.0.113.7", "10.0.0.2", "2001:db8::1", "::ffff:203.0.113.7", ""])
def test_asvs_13_4_5_without_a_token_nobody_else_sees_it(client: Client, address: str) -> None:
    response = client.get("/metrics", REMOTE_ADDR=address)
    assert (response.status_code, response.json()) == (404, {"detail": "Not found"})


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
def test_without_a_token_this_machine_does(client: Client, address: str) -> None:
    assert client.get("/metrics", REMOTE_ADDR=address).status_code == 200


def test_asvs_13_4_5_outside_of_debug_mode_there_is_no_way_without_a_token(
    client: Client, settings: LazySettings
) -> None:
    settings.METRICS_WITHOUT_TOKEN = False
    assert client.get("/metrics").status_code == 404


@pytest.mark.parametrize("header", ["X-Forwarded-For", "X-Real-IP", "Forwarded", "Via"])
def test_a_proxy_on_this_machine_does_not_open_it(client: Client, header: str) -> None:
    assert client.get("/metrics", headers={header: "127.0.0.1"}).status_code == 404


def test_with_a_token_whoever_has_it(client: Client, settings: LazySettings) -> None:
    settings.METRICS_TOKEN = TOKEN
    assert "manticscore_database_up" in samples(client, Authorization=f"Bearer {TOKEN}")
    elsewhere = client.get(
        "/metrics", headers={"Authorization": f"Bearer {TOKEN}"}, REMOTE_ADDR="203.0.113.7"
    )
    assert elsewhere.status_code == 200


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer x", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer ü"]
)
def test_with_a_token_nobody_without_it(client: Client, settings: LazySettings, header: str) -> None:
    settings.METRICS_TOKEN = TOKEN
    response = client.get("/metrics", headers={"Authorization": header} if header else {})
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == "Bearer"
    assert TOKEN.encode() not in response.content


def test_only_reading(client: Client) -> None:
    assert client.head("/metrics").status_code == 200
    assert client.post("/metrics").status_code == 405
