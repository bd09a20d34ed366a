"""POST /research"""

from __future__ import annotations

import time
import uuid
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.cache import cache
from django.db import connection, transaction

from realtime.models import Event, Stream
from realtime.topics import Channel
from research.actions import research as actions
from research.models import ResearchJob
from tests import factories
from tests.helpers.people import JSONClient, Person

URL = "/research"
IDEA = "a recipe box for families"


def queue() -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT task_name, queue_name, lock, args->>'stream_id', status FROM procrastinate_jobs"
        )
        return cursor.fetchall()


def counts() -> tuple[int, int, int]:
    return Stream.objects.exclude(channel=Channel.PROJECT).count(), ResearchJob.objects.count(), len(queue())


def refused(response: Any, status: int, detail: str) -> None:
    assert (response.status_code, response.json()) == (status, {"detail": detail})
    assert counts() == (0, 0, 0)


def test_answer(ada: Person) -> None:
    response = ada.client.post(URL, {"idea": IDEA})
    assert response.status_code == 202
    body = response.json()
    assert body == {"job_id": str(uuid.UUID(body["job_id"])), "status": "queued", "position": 0}


def test_job_stream_and_queue_entry_are_made_together(ada: Person) -> None:
    job_id = ada.client.post(URL, {"idea": IDEA}).json()["job_id"]
    job = ResearchJob.objects.select_related("stream").get()
    assert (str(job.pk), job.idea, job.mode, job.owner_id) == (job_id, IDEA, "market", ada.principal.id)
    assert (job.artifact, job.artifact_hash, job.quality_score, job.project_id) == (None, "", None, None)
    stream = job.stream
    assert (stream.channel, stream.status, stream.owner_id) == ("research", "queued", ada.principal.id)
    assert (stream.title, stream.last_seq, stream.attempt, stream.closed_seq) == (IDEA, 0, 0, None)
    assert queue() == [("research.run", "interactive", job_id, job_id, "todo")]
    assert Event.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_a_rollback_takes_all_three(ada: Person) -> None:
    with transaction.atomic():
        actions.start(owner=ada.principal, idea=IDEA, mode="market")
        assert counts() == (1, 1, 1)
        transaction.set_rollback(True)
    assert counts() == (0, 0, 0)


@pytest.mark.django_db(transaction=True)
def test_failure_to_enqueue_leaves_nothing(ada: Person) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE procrastinate_jobs RENAME TO procrastinate_jobs_away")
    try:
        client = JSONClient(headers=ada.headers, raise_request_exception=False)
        assert client.post(URL, {"idea": IDEA}).status_code == 500
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE procrastinate_jobs_away RENAME TO procrastinate_jobs")
    assert counts() == (0, 0, 0)


@pytest.mark.parametrize(
    "body", [{}, {"idea": None}, {"ideas": IDEA}, {"mode": "market"}, {"project_id": "x"}]
)
def test_missing_idea(ada: Person, body: dict[str, Any]) -> None:
    refused(ada.client.post(URL, body), 400, "idea required")


@pytest.mark.parametrize("idea", [0, 42, 1.5, True, False, [], [IDEA], {}, {"text": IDEA}])
def test_idea_of_another_kind(ada: Person, idea: Any) -> None:
    refused(ada.client.post(URL, {"idea": idea}), 422, "idea must be a string")


@pytest.mark.parametrize("character", ["x", "é", "😀", " "])
def test_longest_idea(ada: Person, character: str) -> None:
    assert ada.client.post(URL, {"idea": character * 5000}).status_code == 202
    assert ResearchJob.objects.get().idea == character * 5000
    assert len(Stream.objects.get().title) == 120


def test_idea_of_a_character_more(ada: Person) -> None:
    refused(ada.client.post(URL, {"idea": "x" * 5001}), 422, "idea must have at most 5000 characters")


@pytest.mark.parametrize("idea", ["", " ", "\n\t ", "\u200b", "\u3000"])
def test_blank_idea_is_accepted_and_fails_in_its_stream(ada: Person, idea: str) -> None:
    assert ada.client.post(URL, {"idea": idea}).status_code == 202
    assert ResearchJob.objects.get().idea == idea


def test_fields_of_ours_are_never_written(ada: Person, mallory: Person) -> None:
    mine = str(uuid.uuid4())
    response = ada.client.post(
        URL,
        {
            "idea": IDEA,
            "id": mine,
            "job_id": mine,
            "stream": mine,
            "stream_id": mine,
            "owner": mallory.principal.id,
            "owner_id": mallory.principal.id,
            "user_id": mallory.principal.id,
            "status": "completed",
            "stage": "persist",
            "position": 7,
            "attempt": 9,
            "seq": 99,
            "last_seq": 99,
            "closed_seq": 1,
            "quality_score": 100,
            "artifact": {"idea": "forged"},
            "artifact_hash": "f" * 64,
            "as_of": "1999-01-01",
            "created_at": "1999-01-01T00:00:00Z",
            "title": "forged",
            "channel": "chat",
            "credits_total": 10**6,
        },
    )
    assert response.status_code == 202
    assert response.json()["job_id"] != mine
    assert (response.json()["status"], response.json()["position"]) == ("queued", 0)
    stored = ada.client.get(f"/research/{response.json()['job_id']}").json()
    assert stored["status"] == "queued"
    assert (stored["attempt"], stored["last_event_seq"], stored["stage"]) == (0, 0, None)
    assert (stored["artifact"], stored["artifact_hash"], stored["quality_score"]) == (None, None, None)
    assert not stored["created_at"].startswith("1999")
    job = ResearchJob.objects.select_related("stream").get()
    assert (job.owner_id, job.stream.owner_id) == (ada.principal.id, ada.principal.id)
    assert (job.stream.channel, job.stream.title) == ("research", IDEA)
    assert job.as_of.year != 1999


@pytest.mark.parametrize("mode", ["feature", "", "MARKET", None, 1, ["market"], {}, True])
def test_other_modes(ada: Person, mode: Any) -> None:
    refused(ada.client.post(URL, {"idea": IDEA, "mode": mode}), 422, "mode must be market")


def test_market_is_the_mode(ada: Person) -> None:
    assert ada.client.post(URL, {"idea": IDEA, "mode": "market"}).status_code == 202
    assert ResearchJob.objects.get().mode == "market"


def test_project_may_be_null(ada: Person) -> None:
    assert ada.client.post(URL, {"idea": IDEA, "project_id": None}).status_code == 202


@pytest.mark.parametrize("project_id", ["", " ", "x", 5, 0, True, 1.5, [], {}, "0" * 31, "null"])
def test_project_id_that_is_none(ada: Person, project_id: Any) -> None:
    response = ada.client.post(URL, {"idea": IDEA, "project_id": project_id})
    refused(response, 422, "project_id must be a UUID or null")


def test_own_project(ada: Person) -> None:
    project = factories.stream(ada.principal, channel=Channel.PROJECT)
    response = ada.client.post(URL, {"idea": IDEA, "project_id": str(project.id)})
    assert response.status_code == 202
    job = ResearchJob.objects.select_related("stream").get()
    assert (job.project_id, job.stream.project_id) == (project.id, project.id)


def test_project_of_somebody_else_is_as_absent_as_none(ada: Person, mallory: Person) -> None:
    project = factories.stream(ada.principal, channel=Channel.PROJECT)
    absent = mallory.client.post(URL, {"idea": IDEA, "project_id": str(uuid.uuid4())})
    foreign = mallory.client.post(URL, {"idea": IDEA, "project_id": str(project.id)})
    refused(absent, 404, "Not found")
    refused(foreign, 404, "Not found")
    assert foreign.content == absent.content


def test_id_of_another_kind_is_no_project(ada: Person) -> None:
    job_id = ada.client.post(URL, {"idea": IDEA}).json()["job_id"]
    response = ada.client.post(URL, {"idea": IDEA, "project_id": job_id})
    assert (response.status_code, response.json()) == (404, {"detail": "Not found"})


def test_position_counts_queued_jobs_ahead_of_everybody(ada: Person, mallory: Person) -> None:
    for _ in range(2):
        factories.research_job(mallory.principal)
    running = factories.research_job(mallory.principal)
    Stream.objects.filter(pk=running.pk).update(status="running")
    closed = factories.research_job(mallory.principal)
    Stream.objects.filter(pk=closed.pk).update(closed_seq=3)
    factories.stream(mallory.principal, channel=Channel.CHAT, status="queued")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE realtime_stream SET created_at = created_at - interval '1 minute'")
    response = ada.client.post(URL, {"idea": IDEA})
    assert response.json()["position"] == 2
    Stream.objects.filter(pk=response.json()["job_id"]).update(status="running")
    assert ada.client.get(f"/research/{response.json()['job_id']}/status").json()["position"] == 0


def test_repeated_call_is_a_second_job(ada: Person) -> None:
    first, second = (ada.client.post(URL, {"idea": IDEA}).json()["job_id"] for _ in range(2))
    assert first != second
    assert counts() == (2, 2, 2)


@pytest.mark.django_db
def test_without_a_token() -> None:
    response = JSONClient().post(URL, {"idea": IDEA})
    refused(response, 401, "Missing Bearer token")


def test_eleventh_job_in_a_minute_waits(
    ada: Person, mallory: Person, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.RATELIMIT_ENABLE = True
    cache.clear()
    now = 1_700_000_000.0
    monkeypatch.setattr(time, "time", lambda: now)
    assert [ada.client.post(URL, {"idea": IDEA}).status_code for _ in range(10)] == [202] * 10
    response = ada.client.post(URL, {"idea": IDEA})
    assert (response.status_code, response.json()) == (429, {"detail": "Too many requests"})
    assert counts() == (10, 10, 10)
    assert mallory.client.post(URL, {"idea": IDEA}).status_code == 202
    now += int(response["Retry-After"])
    assert ada.client.post(URL, {"idea": IDEA}).status_code == 202
