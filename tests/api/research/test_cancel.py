"""POST /research/{job_id}/cancel"""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from realtime.models import Event, Stream
from tests import factories
from tests.helpers.people import Person

pytestmark = pytest.mark.django_db


def cancel(person: Person, job_id: Any) -> Any:
    return person.client.post(f"/research/{job_id}/cancel")


@pytest.mark.parametrize("status", ["queued", "running"])
def test_unfinished_job_ends_at_once(ada: Person, status: str) -> None:
    job = factories.research_job(ada.principal)
    Stream.objects.filter(pk=job.pk).update(status=status, attempt=1)
    answer = cancel(ada, job.pk)
    assert (answer.status_code, answer.json()["status"]) == (200, "failed")
    error, done = Event.objects.filter(stream_id=job.pk).order_by("seq")
    assert (error.type, error.data["code"], error.data["retryable"]) == ("error", "CANCELLED", False)
    stream = Stream.objects.get(pk=job.pk)
    assert (done.type, stream.closed_seq, stream.attempt) == ("done", done.seq, 2), "the worker is fenced off"


@pytest.mark.parametrize("status", ["completed", "failed"])
def test_what_is_over_is_not_cancelled(ada: Person, status: str) -> None:
    job = factories.research_job(ada.principal)
    Stream.objects.filter(pk=job.pk).update(status=status, closed_seq=1)
    answer = cancel(ada, job.pk)
    assert (answer.status_code, answer.json()) == (409, {"detail": "This research is over"})


def test_twice(ada: Person) -> None:
    job = factories.research_job(ada.principal)
    assert [cancel(ada, job.pk).status_code for _ in range(2)] == [200, 409]


def test_same_idea_may_be_asked_again(ada: Person) -> None:
    job_id = ada.client.post("/research", {"idea": "a box"}).json()["job_id"]
    cancel(ada, job_id)
    assert ada.client.post("/research", {"idea": "a box"}).status_code == 202


def test_somebody_elses(ada: Person, mallory: Person) -> None:
    job = factories.research_job(ada.principal)
    foreign, missing = cancel(mallory, job.pk), cancel(mallory, uuid.uuid4())
    assert (foreign.status_code, foreign.content) == (404, missing.content)
    assert not Stream.objects.get(pk=job.pk).is_closed
