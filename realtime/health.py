"""Whether this process can serve, asked without a thread and in a time that is bounded.

Details are fixed texts: what a driver says may name hosts and users, and anybody may ask.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import psycopg
from django.conf import settings
from redis import asyncio as redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from realtime import hub as hubs
from realtime.probing import Probe

PATIENCE = 2.0  # seconds for the hub, and if it fails as many for the database
REDIS_PATIENCE = 0.5
WORKERS = """
    SELECT count(*) FROM procrastinate_workers WHERE last_heartbeat > now() - make_interval(secs => %s)
"""


class Health(StrEnum):
    OK = "ok"
    OFF = "off"  # not part of this installation
    DEGRADED = "degraded"  # requests are served, something is slower or waits
    FAILED = "failed"
    UNKNOWN = "unknown"  # could not be asked


@dataclass(frozen=True, slots=True)
class Check:
    status: Health
    detail: str


Checks = dict[str, Check]


async def check() -> Checks:
    """Every check by name."""
    reading, wakeups = await asyncio.gather(check_reading(), check_redis())
    return {**reading, "redis": wakeups}


async def check_reading() -> Checks:
    """The hub, and through it the database and the workers' signs of life: one query when all is well."""
    try:
        alive = await _workers.answer(PATIENCE)
    except (psycopg.Error, TimeoutError):
        return {
            "database": await check_database(),
            "hub": Check(Health.FAILED, f"cannot read within {PATIENCE:.0f} s"),
            "worker": Check(Health.UNKNOWN, "the database could not be asked"),
        }
    return {
        "database": Check(Health.OK, "answers"),
        "hub": Check(Health.OK, "reads"),
        "worker": Check(Health.OK, f"{alive} alive") if alive else NO_WORKER,
    }


NO_WORKER = Check(Health.DEGRADED, "none is alive: jobs wait, streams of finished ones are served")


async def check_database() -> Check:
    """By a connection of its own: a hub whose connections are all taken is no database that is away."""
    try:
        await _database.answer(PATIENCE)
    except (psycopg.Error, TimeoutError):
        return Check(Health.FAILED, f"does not answer within {PATIENCE:.0f} s")
    return Check(Health.OK, "answers")


async def check_redis() -> Check:
    if not settings.REDIS_URL:
        return Check(Health.OFF, "not configured: one process needs none")
    try:
        await _redis.answer(2 * REDIS_PATIENCE)
    except (RedisError, OSError, TimeoutError):
        return Check(Health.DEGRADED, "does not answer: events arrive up to a second later")
    return Check(Health.OK, "answers")


def overall(checks: Checks) -> str:
    """`unavailable` when requests cannot be served, `degraded` when something else is amiss."""
    if Health.FAILED in {checks["database"].status, checks["hub"].status}:
        return "unavailable"
    if any(check.status is Health.DEGRADED for check in checks.values()):
        return "degraded"
    return "ready"


async def _count_workers() -> int:
    rows: list[tuple[Any, ...]] = await (await hubs.current()).fetch(WORKERS, [settings.JOB_STALLED_AFTER])
    return int(rows[0][0])


async def _connect() -> None:
    connection = await psycopg.AsyncConnection.connect(hubs.conninfo(), autocommit=True)
    async with connection:
        await connection.execute("SELECT 1")


async def _ping() -> None:
    client = redis.from_url(
        settings.REDIS_URL,
        socket_timeout=REDIS_PATIENCE,
        socket_connect_timeout=REDIS_PATIENCE,
        retry=Retry(NoBackoff(), 0),
    )
    async with client:
        await client.ping()


_workers = Probe(_count_workers)
_database = Probe(_connect)
_redis = Probe(_ping)
