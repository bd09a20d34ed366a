"""POST /research"""

from __future__ import annotations

import time
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.cache import cache
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from accounts.models import LedgerEntry
from realtime.models import Event, Stream
from realtime.topics import Channel
from research.actions import research as actions
from research.actions.research import Question
from research.models import ResearchJob
from tests import factories
from tests.helpers.people import JSONClient, Person

URL = "/research"
IDEA = "a recipe box for families"
IDENTICAL = "Identical research request already in progress"


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
        actions.ask(ada.principal, Question(IDEA))
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


@pytest.mark.parametrize("mode", ["features", "", "MARKET", None, 1, ["market"], {}, True])
def test_other_modes(ada: Person, mode: Any) -> None:
    refused(ada.client.post(URL, {"idea": IDEA, "mode": mode}), 422, "mode must be market or feature")


@pytest.mark.parametrize("mode", ["market", "feature"])
def test_modes(ada: Person, mode: str) -> None:
    assert ada.client.post(URL, {"idea": IDEA, "mode": mode}).status_code == 202
    assert ResearchJob.objects.get().mode == mode


@pytest.mark.parametrize("refresh", [None, 1, "true", [], {}])
def test_refresh_of_another_kind(ada: Person, refresh: Any) -> None:
    refused(ada.client.post(URL, {"idea": IDEA, "refresh": refresh}), 422, "refresh must be true or false")


def test_project_may_be_null(ada: Person) -> None:
    assert ada.client.post(URL, {"idea": IDEA, "project_id": None}).status_code == 202


@pytest.mark.parametrize("project_id", ["", " ", "x", 5, 0, True, 1.5, [], {}, "0" * 31, "null"])
def test_project_id_that_is_none(ada: Person, project_id: Any) -> None:
    response = ada.client.post(URL, {"idea": IDEA, "project_id": project_id})
    refused(response, 422, "project_id must be a UUID or null")


def test_own_project(ada: Person) -> None:
    project = factories.project_row(ada.principal)
    response = ada.client.post(URL, {"idea": IDEA, "project_id": str(project.id)})
    assert response.status_code == 202
    job = ResearchJob.objects.select_related("stream").get()
    assert (job.project_id, job.stream.project_id) == (project.id, project.id)


def test_project_of_somebody_else_is_as_absent_as_none(ada: Person, mallory: Person) -> None:
    project = factories.project_row(ada.principal)
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


@pytest.mark.parametrize("idea", [IDEA, "A Recipe box,  for FAMILIES!", "recipe boxes for the family"])
@pytest.mark.parametrize("refresh", [False, True])
def test_identical_request_while_the_first_is_at_work(ada: Person, idea: str, refresh: bool) -> None:
    assert ada.client.post(URL, {"idea": IDEA}).status_code == 202
    response = ada.client.post(URL, {"idea": idea, "refresh": refresh})
    assert (response.status_code, response.json()) == (409, {"detail": IDENTICAL})
    assert counts() == (1, 1, 1)


def test_what_is_not_identical(ada: Person, mallory: Person) -> None:
    others = [
        ada.client.post(URL, {"idea": IDEA}),
        ada.client.post(URL, {"idea": IDEA, "mode": "feature"}),
        ada.client.post(URL, {"idea": "a recipe box without families"}),
        mallory.client.post(URL, {"idea": IDEA}),
    ]
    assert [response.status_code for response in others] == [202] * 4


def test_identical_request_after_the_first_failed(ada: Person) -> None:
    job_id = ada.client.post(URL, {"idea": IDEA}).json()["job_id"]
    ended(job_id, "failed")
    assert ada.client.post(URL, {"idea": IDEA}).status_code == 202


def test_the_database_itself_refuses_a_second_open_job(ada: Person) -> None:
    """Whoever comes between the look and the insert of another."""
    values = {"owner": ada.principal, "channel": Channel.RESEARCH, "dedup_key": "market:x"}
    Stream.objects.create(id=uuid.uuid4(), **values)
    with pytest.raises(IntegrityError, match="stream_dedup"), transaction.atomic():
        Stream.objects.create(id=uuid.uuid4(), **values)
    Stream.objects.create(id=uuid.uuid4(), **{**values, "channel": Channel.FEATURE_RESEARCH})
    Stream.objects.create(id=uuid.uuid4(), **values, closed_seq=1)


def ended(job_id: str, status: str, artifact: Any = None, hours_ago: float = 0) -> None:
    at = timezone.now() - timedelta(hours=hours_ago)
    Stream.objects.filter(pk=job_id).update(status=status, closed_seq=1, last_seq=1)
    ResearchJob.objects.filter(pk=job_id).update(artifact=artifact, quality_score=71.5, answered_at=at)


def test_fresh_answer_is_given_again(ada: Person) -> None:
    job_id = ada.client.post(URL, {"idea": IDEA}).json()["job_id"]
    ended(job_id, "completed", {"idea": IDEA}, hours_ago=2)
    response = ada.client.post(URL, {"idea": f"{IDEA}."})
    body = response.json()
    assert response.status_code == 200
    assert 7200 <= body.pop("age_seconds") < 7300
    assert body == {
        "job_id": job_id, "status": "completed", "position": 0, "cached": True, "quality_score": 71.5,
        "artifact_url": f"/research/{job_id}",
    }  # fmt: skip
    assert counts() == (1, 1, 1)
    assert LedgerEntry.objects.filter(owner=ada.principal).count() == 1


@pytest.mark.parametrize("hours_ago", [2, 24.1])
def test_answer_stands_when_making_a_part_of_it_anew_fails(ada: Person, hours_ago: float) -> None:
    """It is as old as it was, too."""
    job_id = ada.client.post(URL, {"idea": IDEA}).json()["job_id"]
    ended(job_id, "completed", {"idea": IDEA}, hours_ago)
    assert ada.client.post(f"{URL}/{job_id}/sections/summary/retry").status_code == 202
    assert ada.client.post(f"{URL}/{job_id}/cancel").status_code == 200
    answer = ada.client.post(URL, {"idea": IDEA})
    if hours_ago > 24:
        assert answer.status_code == 202
        return
    assert (answer.status_code, answer.json()["job_id"]) == (200, job_id)
    assert (answer.json()["status"], answer.json()["age_seconds"] >= 7200) == ("completed", True)
    assert LedgerEntry.objects.filter(kind="charge").count() == 1


def test_refresh_asks_anew(ada: Person) -> None:
    job_id = ada.client.post(URL, {"idea": IDEA}).json()["job_id"]
    ended(job_id, "completed", {"idea": IDEA})
    response = ada.client.post(URL, {"idea": IDEA, "refresh": True})
    assert response.status_code == 202
    assert response.json()["job_id"] != job_id


def test_old_foreign_and_other_answers_are_not_given(ada: Person, mallory: Person) -> None:
    job_id = ada.client.post(URL, {"idea": IDEA}).json()["job_id"]
    ended(job_id, "completed", {"idea": IDEA}, hours_ago=24.1)
    project = factories.project_row(ada.principal)
    answers = [
        ada.client.post(URL, {"idea": IDEA, "mode": "feature"}),
        mallory.client.post(URL, {"idea": IDEA}),
        ada.client.post(URL, {"idea": IDEA, "project_id": str(project.pk)}),
    ]
    assert [response.status_code for response in answers] == [202] * 3


def test_fresh_answer_of_another_project_is_not_given(ada: Person) -> None:
    job_id = ada.client.post(URL, {"idea": IDEA}).json()["job_id"]
    ended(job_id, "completed", {"idea": IDEA})
    project = factories.project_row(ada.principal)
    assert ada.client.post(URL, {"idea": IDEA, "project_id": str(project.pk)}).status_code == 202


@pytest.mark.django_db
def test_without_a_token() -> None:
    response = JSONClient().post(URL, {"idea": IDEA})
    refused(response, 401, "Missing Bearer token")


def test_beyond_the_rate_limit_some_are_kept_and_the_rest_refused(
    ada: Person, mallory: Person, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.RATELIMIT_ENABLE = True
    settings.RESEARCH_RUNNING, settings.RESEARCH_WAITING = 100, 2
    cache.clear()
    now = 1_700_000_000.0
    monkeypatch.setattr(time, "time", lambda: now)
    answers = [ada.client.post(URL, {"idea": f"{IDEA} {number}"}) for number in range(13)]
    assert [answer.status_code for answer in answers] == [202] * 12 + [429]
    assert ["waiting" in answer.json() for answer in answers[:12]] == [False] * 10 + [True] * 2
    assert answers[-1].json() == {"detail": "Too many requests"}
    assert counts() == (12, 12, 12)
    assert mallory.client.post(URL, {"idea": IDEA}).status_code == 202
    now += int(answers[-1]["Retry-After"])
    assert ada.client.post(URL, {"idea": IDEA}).status_code == 202
