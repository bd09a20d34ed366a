"""Idempotency-Key, at the route that takes one."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.management import call_command
from django.db import connection, transaction
from django.db.models.functions import Now

from accounts import idempotency
from accounts.models import IdempotencyKey
from research.models import ResearchJob
from tests.api.accounts.conftest import Send
from tests.helpers.people import Person
from tests.helpers.threads import at_once

pytestmark = pytest.mark.django_db
BODY = {"idea": "a recipe box for families", "mode": "market"}
KEY = "7c9e6679-7425-40de-944b-e07fc1f90ae7"


def start(person: Person, key: str | None = KEY, body: Any = None) -> Any:
    headers = {} if key is None else {"Idempotency-Key": key}
    return person.client.post("/research", BODY if body is None else body, headers=headers)


def test_the_same_request_gets_the_same_answer(signed_in: Person) -> None:
    first, again = start(signed_in), start(signed_in)
    assert first.status_code == again.status_code == 202
    assert first.json() == again.json()
    assert "Idempotent-Replayed" not in first
    assert again["Idempotent-Replayed"] == "true"
    assert ResearchJob.objects.count() == 1


def test_a_replay_costs_nothing(signed_in: Person) -> None:
    start(signed_in)
    start(signed_in)
    assert signed_in.client.get("/v1/usage").json()["used"]["credits"] == 3


def test_the_order_of_keys_in_the_body_does_not_matter(signed_in: Person) -> None:
    start(signed_in)
    assert "Idempotent-Replayed" in start(signed_in, body=dict(reversed(BODY.items())))


def test_without_a_key_every_request_counts(signed_in: Person) -> None:
    assert [start(signed_in, None).status_code for _ in range(2)] == [202, 409]
    assert start(signed_in, None, {"idea": "something else"}).status_code == 202
    assert ResearchJob.objects.count() == 2
    assert not IdempotencyKey.objects.exists()


def test_another_body_is_a_conflict(signed_in: Person) -> None:
    start(signed_in)
    answer = start(signed_in, body={"idea": "something else"})
    assert answer.status_code == 409
    assert answer.json() == {"detail": "This Idempotency-Key was used with another body"}
    assert ResearchJob.objects.count() == 1


def test_keys_belong_to_their_owner(signed_in: Person, other: Person, guest: Person) -> None:
    answers = [start(person) for person in (signed_in, other, guest)]
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["job_id"] for answer in answers}) == 3


@pytest.mark.parametrize("key", ["", " ", "a b", "a" * 256, "a\tb", "\u00e9", "a\x7f"])
def test_odd_keys_are_refused(signed_in: Person, key: str) -> None:
    answer = start(signed_in, key)
    assert answer.status_code == 422
    assert answer.json() == {"detail": "Idempotency-Key must be 1 to 255 visible ASCII characters"}
    assert not ResearchJob.objects.exists()


@pytest.mark.parametrize("key", ["!", "~" * 255, "';DROP--"])
def test_any_visible_ascii_is_a_key(signed_in: Person, key: str) -> None:
    assert start(signed_in, key).status_code == 202
    assert "Idempotent-Replayed" in start(signed_in, key)


def test_a_refused_request_stores_nothing(signed_in: Person) -> None:
    assert start(signed_in, body={"idea": 5}).status_code == 422
    assert start(signed_in, body={}).status_code == 400
    assert not IdempotencyKey.objects.exists()
    assert "Idempotent-Replayed" not in start(signed_in)


def test_a_request_without_credits_stores_nothing(signed_in: Person, settings: LazySettings) -> None:
    settings.CREDITS_ENFORCED = True
    for number in range(6):
        start(signed_in, None, {"idea": f"box {number}"})
    answer = start(signed_in)
    assert answer.status_code == 429
    assert answer.json()["detail"].startswith("Not enough credits: research costs 3, 2 of 20 are left")
    assert int(answer["Retry-After"]) >= 1
    assert not IdempotencyKey.objects.exists()
    settings.CREDITS_ENFORCED = False
    assert start(signed_in).status_code == 202


def test_a_key_is_free_again_after_a_day(signed_in: Person) -> None:
    first = start(signed_in)
    IdempotencyKey.objects.update(created_at=Now() - timedelta(hours=24, seconds=1))
    again = start(signed_in, body={"idea": "something else"})
    assert again.status_code == 202
    assert again.json()["job_id"] != first.json()["job_id"]
    assert IdempotencyKey.objects.count() == 1


def test_pruning(signed_in: Person) -> None:
    for number, hours in enumerate([1, 23, 25, 48]):
        start(signed_in, f"key-{number}", {"idea": f"box {number}"})
        IdempotencyKey.objects.filter(key=f"key-{number}").update(created_at=Now() - timedelta(hours=hours))
    assert call_command("prune_idempotency_keys", dry_run=True) == "2 idempotency keys would be deleted."
    assert call_command("prune_idempotency_keys") == "2 idempotency keys deleted."
    assert call_command("prune_idempotency_keys") == "0 idempotency keys deleted."
    assert set(IdempotencyKey.objects.values_list("key", flat=True)) == {"key-0", "key-1"}


@pytest.mark.django_db(transaction=True)
def test_a_key_in_use_is_a_conflict_for_now(signed_in: Person) -> None:
    with transaction.atomic():
        idempotency.lock(signed_in.principal.id, "POST /research", KEY)
        answer = at_once(1, lambda _: start(signed_in))[0]
    assert (answer.status_code, answer["Retry-After"]) == (409, "1")
    assert answer.json() == {"detail": "A request with this Idempotency-Key is in progress"}
    assert start(signed_in).status_code == 202


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("number", range(3))
def test_a_hundred_equal_requests_at_once_start_one_job(signed_in: Person, number: int) -> None:
    answers = at_once(100, lambda _: start(signed_in))
    statuses = Counter(answer.status_code for answer in answers)
    assert set(statuses) <= {202, 409}
    assert statuses[202] >= 1
    assert len({answer.json()["job_id"] for answer in answers if answer.status_code == 202}) == 1
    originals = [a for a in answers if a.status_code == 202 and "Idempotent-Replayed" not in a]
    assert len(originals) == 1
    assert ResearchJob.objects.count() == 1
    with connection.cursor() as cursor:
        queued = "SELECT count(*) FROM procrastinate_jobs WHERE lock = %s"
        cursor.execute(queued, [originals[0].json()["job_id"]])
        assert cursor.fetchone() == (1,)
    assert start(signed_in)["Idempotent-Replayed"] == "true"


@pytest.mark.django_db(transaction=True)
def test_a_crash_in_the_middle_leaves_the_key_free(
    signed_in: Person, monkeypatch: pytest.MonkeyPatch, send: Send
) -> None:
    from research.actions import research

    monkeypatch.setattr(research.jobs, "defer", lambda *_: 1 / 0)
    client = signed_in.client
    client.raise_request_exception = False
    assert client.post("/research", BODY, headers={"Idempotency-Key": KEY}).status_code == 500
    monkeypatch.undo()
    assert not IdempotencyKey.objects.exists()
    assert "Idempotent-Replayed" not in start(signed_in)
    assert signed_in.client.get("/v1/usage").json()["used"]["credits"] == 3
