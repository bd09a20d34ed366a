"""A hundred equal requests at once, on a real server: what the database lets through."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.db import connection

from accounts.models import LedgerEntry
from realtime.models import Stream
from research.models import Card, ResearchJob
from tests.helpers.people import Person
from tests.helpers.serving import Served, served

pytestmark = pytest.mark.django_db(transaction=True)
IDENTICAL = {"detail": "Identical research request already in progress"}
CALLERS = 100


@pytest.fixture
def server(transactional_db: None, tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path, RATELIMIT_ENABLE="0", CREDITS_ENFORCED="0") as running:
        yield running


def at_once(
    server: Served, person: Person, path: str, bodies: list[Any], **headers: str
) -> list[httpx.Response]:
    with (
        httpx.Client(
            base_url=server.url,
            headers={**person.headers, **headers},
            timeout=60,
            trust_env=False,
            limits=httpx.Limits(max_connections=CALLERS),
        ) as client,
        ThreadPoolExecutor(CALLERS) as pool,
    ):
        return list(pool.map(lambda body: client.post(path, json=body), bodies))


def queued() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'research.run'")
        return int(cursor.fetchone()[0])


def made() -> tuple[int, int, int, int]:
    jobs, streams = ResearchJob.objects.count(), Stream.objects.filter(channel="research").count()
    return jobs, streams, queued(), LedgerEntry.objects.count()


def test_identical_requests_start_one_job(server: Served, ada: Person) -> None:
    wordings = ["a recipe box for families", "A Recipe Box, for families!"]
    answers = at_once(server, ada, "/research", [{"idea": wordings[n % 2]} for n in range(CALLERS)])
    assert Counter(answer.status_code for answer in answers) == {202: 1, 409: CALLERS - 1}
    assert [answer.json() for answer in answers if answer.status_code == 409] == [IDENTICAL] * (CALLERS - 1)
    assert made() == (1, 1, 1, 1)


def test_one_key_starts_one_job(server: Served, ada: Person) -> None:
    bodies = [{"idea": "a recipe box for families"}] * CALLERS
    answers = at_once(server, ada, "/research", bodies, **{"Idempotency-Key": "one-key"})
    accepted = [answer for answer in answers if answer.status_code == 202]
    assert {answer.status_code for answer in answers} <= {202, 409}
    assert len({answer.json()["job_id"] for answer in accepted}) == 1
    assert sum("Idempotent-Replayed" not in answer.headers for answer in accepted) == 1
    assert made() == (1, 1, 1, 1)


def test_no_more_than_allowed_run_and_wait(server: Served, ada: Person) -> None:
    answers = at_once(server, ada, "/research", [{"idea": f"a box number {n}"} for n in range(40)])
    assert Counter(answer.status_code for answer in answers) == {202: 8, 429: 32}
    assert Counter("waiting" in a.json() for a in answers if a.status_code == 202) == {False: 3, True: 5}
    assert {int(answer.headers["Retry-After"]) for answer in answers if answer.status_code == 429} == {30}
    assert made() == (8, 8, 8, 8)


def test_one_idea_is_one_card(server: Served, ada: Person) -> None:
    answers = at_once(server, ada, "/ideas", [{"idea": "a recipe box for families"}] * 40)
    assert Counter(answer.status_code for answer in answers) == {202: 40}
    assert len({(answer.json()["id"], answer.json()["project_id"]) for answer in answers}) == 1
    assert Card.objects.count() == 1
    assert made() == (1, 1, 1, 1)
