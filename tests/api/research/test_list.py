"""GET /research"""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from realtime.models import Stream
from research.models import ResearchJob
from tests import factories
from tests.helpers.landscapes import finished
from tests.helpers.people import Person

pytestmark = pytest.mark.django_db


def get(person: Person, query: str = "") -> Any:
    answer = person.client.get(f"/research{query}")
    assert answer.status_code == 200, answer.content
    return answer.json()


def ids(body: Any) -> list[str]:
    return [item["job_id"] for item in body["research"]]


def made(owner: Person, count: int, **values: Any) -> list[str]:
    """The newest first; every two were made in the same moment."""
    jobs = [factories.research_job(owner.principal, idea=f"box {n}", **values) for n in range(count)]
    for number, job in enumerate(jobs):
        at = timezone.now() - timedelta(minutes=number // 2)
        ResearchJob.objects.filter(pk=job.pk).update(created_at=at.replace(microsecond=0, second=0))
    rows = ResearchJob.objects.filter(pk__in=[job.pk for job in jobs])
    return [str(pk) for pk in rows.order_by("-created_at", "-stream_id").values_list("pk", flat=True)]


def test_nothing_yet(ada: Person) -> None:
    assert get(ada) == {"research": [], "next_cursor": None}


def test_item(ada: Person) -> None:
    job = finished(ada.principal)
    [item] = get(ada)["research"]
    assert item.pop("created_at") <= item.pop("updated_at")
    assert item == {
        "job_id": str(job.pk), "status": "completed", "stage": "persist", "waiting": False, "idea": job.idea,
        "mode": "market", "project_id": None, "visibility": "private", "quality_score": 71.5,
        "last_event_seq": 3,
    }  # fmt: skip


def test_pages_hold_everything_once(ada: Person, mallory: Person) -> None:
    expected = made(ada, 7)
    made(mallory, 2)
    seen, cursor = [], ""
    while True:
        body = get(ada, f"?limit=3{cursor}")
        seen += ids(body)
        if body["next_cursor"] is None:
            break
        cursor = f"&cursor={body['next_cursor']}"
    assert seen == expected


def test_filters(ada: Person) -> None:
    project = uuid.uuid4()
    made(ada, 1)
    [inside] = made(ada, 1, project_id=project)
    done = finished(ada.principal)
    assert ids(get(ada, f"?project_id={project}")) == [inside]
    assert ids(get(ada, "?status=completed")) == [str(done.pk)]
    assert ids(get(ada, f"?status=completed&project_id={project}")) == []


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "cursor=x", "project_id=x", "status=gone"])
def test_refused(ada: Person, query: str) -> None:
    assert ada.client.get(f"/research?{query}").status_code == 422


def test_artifacts_are_not_read(ada: Person, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    for _ in range(3):
        finished(ada.principal)
    client = ada.client
    client.get("/research")
    with django_assert_num_queries(2) as queries:  # the session, and the list
        client.get("/research")
    assert '"artifact",' not in queries[1]["sql"]


def test_status_of_the_stream_is_told(ada: Person) -> None:
    [job_id] = made(ada, 1)
    Stream.objects.filter(pk=job_id).update(status="running", stage="judge")
    assert [(item["status"], item["stage"]) for item in get(ada)["research"]] == [("running", "judge")]
