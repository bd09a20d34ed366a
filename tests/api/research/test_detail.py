"""GET /research/{job_id} and GET /research/{job_id}/status"""

from __future__ import annotations

import datetime
import uuid
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from realtime.models import Stream
from research.models import Evidence, ResearchJob
from research.serializers import evidence as shapes
from tests import factories
from tests.helpers.people import JSONClient, Person

DETAIL, STATUS = "/research/{}", "/research/{}/status"
BOTH = pytest.mark.parametrize("route", [DETAIL, STATUS])
STATUS_FIELDS = {
    "job_id", "status", "position", "waiting", "stage", "attempt", "last_event_seq", "quality_score",
    "created_at", "updated_at",
}  # fmt: skip
ARTIFACT = {"version": 1, "idea": "a recipe box for families", "incumbents": []}


def completed(owner: Person) -> ResearchJob:
    job = factories.research_job(
        owner.principal, artifact=ARTIFACT, artifact_hash="ab" * 32, quality_score=71.5
    )
    Stream.objects.filter(pk=job.pk).update(
        status="completed", stage="persist", attempt=2, last_seq=27, closed_seq=27
    )
    return job


def get(person: Person, route: str, job_id: Any) -> Any:
    return person.client.get(route.format(job_id))


def test_waiting_job(ada: Person) -> None:
    job = factories.research_job(ada.principal)
    body = get(ada, DETAIL, job.pk).json()
    assert set(body) == STATUS_FIELDS | {
        "idea", "mode", "project_id", "visibility", "artifact_hash", "artifact", "evidence",
    }  # fmt: skip
    assert body["job_id"] == str(job.pk)
    assert (body["status"], body["position"], body["stage"]) == ("queued", 0, None)
    assert (body["attempt"], body["last_event_seq"]) == (0, 0)
    assert (body["idea"], body["mode"]) == ("a recipe box for families", "market")
    assert body["artifact"] is body["artifact_hash"] is body["quality_score"] is body["project_id"] is None
    assert datetime.datetime.fromisoformat(body["created_at"]).tzinfo is not None


def test_completed_job(ada: Person) -> None:
    body = get(ada, DETAIL, completed(ada).pk).json()
    assert (body["status"], body["stage"], body["attempt"]) == ("completed", "persist", 2)
    assert (body["last_event_seq"], body["position"]) == (27, 0)
    assert (body["artifact"], body["artifact_hash"], body["quality_score"]) == (ARTIFACT, "ab" * 32, 71.5)


def test_status_of_a_waiting_job(ada: Person) -> None:
    job = factories.research_job(ada.principal)
    body = get(ada, STATUS, job.pk).json()
    assert set(body) == STATUS_FIELDS
    assert (body["job_id"], body["status"], body["quality_score"]) == (str(job.pk), "queued", None)


def test_status_of_a_completed_job(ada: Person) -> None:
    body = get(ada, STATUS, completed(ada).pk).json()
    assert set(body) == STATUS_FIELDS
    assert (body["status"], body["stage"], body["last_event_seq"], body["quality_score"]) == (
        "completed",
        "persist",
        27,
        71.5,
    )


def test_status_does_not_read_the_artifact(
    ada: Person, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    job, client = completed(ada), ada.client
    with django_assert_num_queries(1) as queries:  # token and job in one statement
        assert client.get(STATUS.format(job.pk)).status_code == 200
    assert "artifact" not in queries[0]["sql"]


@BOTH
def test_somebody_elses_job_is_as_absent_as_one_that_never_was(
    ada: Person, mallory: Person, guest: Person, route: str
) -> None:
    job = completed(ada)
    for stranger in (mallory, guest):
        foreign = get(stranger, route, job.pk)
        absent = get(stranger, route, uuid.uuid4())
        assert foreign.status_code == absent.status_code == 404
        assert foreign.content == absent.content == b'{"detail":"Not found"}'
        headers = [
            {name: value for name, value in response.items() if name != "X-Request-ID"}
            for response in (foreign, absent)
        ]
        assert headers[0] == headers[1]


@pytest.mark.parametrize(("route", "queries"), [(DETAIL, 2), (STATUS, 1)])
def test_foreign_and_absent_jobs_take_the_same_queries(
    ada: Person, mallory: Person, route: str, queries: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    job, client = completed(ada), mallory.client
    for job_id in (job.pk, uuid.uuid4()):
        with django_assert_num_queries(queries):
            client.get(route.format(job_id))


@BOTH
@pytest.mark.parametrize(
    "form",
    [
        "{0}x",
        "x{0}",
        "{{{0}}}",
        "urn:uuid:{0}",
        "{1}",
        "{2}",
        "{0}%0a",
        "%20{0}",
        "1",
        "null",
        "..",
        "-1",
        "{0},{0}",
    ],
)
def test_id_in_another_form_is_no_job(ada: Person, route: str, form: str) -> None:
    job_id = factories.research_job(ada.principal).pk
    written = form.format(job_id, str(job_id).upper(), job_id.hex) if "{" in form else form
    response = get(ada, route, written)
    assert (response.status_code, response.json()) == (404, {"detail": "Not found"})


@BOTH
def test_nil_id_and_ids_of_other_things(ada: Person, route: str) -> None:
    stream = factories.stream(ada.principal, channel="chat")
    for job_id in (uuid.UUID(int=0), uuid.UUID(int=2**128 - 1), stream.pk):
        assert get(ada, route, job_id).status_code == 404


@BOTH
def test_deleted_job(ada: Person, route: str) -> None:
    job = factories.research_job(ada.principal)
    Stream.objects.filter(pk=job.pk).delete()
    assert get(ada, route, job.pk).status_code == 404


@BOTH
@pytest.mark.django_db
def test_without_a_token(route: str) -> None:
    response = JSONClient().get(route.format(uuid.uuid4()))
    assert (response.status_code, response.json()) == (401, {"detail": "Missing Bearer token"})


@pytest.mark.parametrize(
    ("route", "allowed", "detail"),
    [
        (DETAIL, "GET, PATCH, HEAD, OPTIONS", 'Method "{}" not allowed.'),
        (STATUS, "GET, HEAD", "Method not allowed"),  # not a view of DRF's
    ],
)
@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_other_methods(ada: Person, route: str, allowed: str, detail: str, method: str) -> None:
    response = getattr(ada.client, method)(route.format(factories.research_job(ada.principal).pk))
    assert response.status_code == 405
    assert response["Allow"] == allowed
    assert response.json() == {"detail": detail.format(method.upper())}
    assert ResearchJob.objects.count() == 1


@BOTH
def test_head_has_no_body(ada: Person, route: str) -> None:
    response = ada.client.head(route.format(completed(ada).pk))
    assert (response.status_code, response.content) == (200, b"")


def test_options_tells_nothing_of_anybodys_jobs(ada: Person, mallory: Person) -> None:
    job = completed(ada)
    foreign = mallory.client.options(DETAIL.format(job.pk))
    absent = mallory.client.options(DETAIL.format(uuid.uuid4()))
    assert foreign.status_code == absent.status_code == 200
    assert foreign.content == absent.content


def test_evidence_tells_where_it_is_from_and_whether_it_is_still_there(
    ada: Person, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    job = completed(ada)
    today = timezone.now().date()
    checked = timezone.now() - datetime.timedelta(hours=1)
    for number, verdict in enumerate(["", "changed"]):
        source = factories.source(
            f"mealie-{number}", published_on=today - datetime.timedelta(days=365), retrieved=bool(verdict)
        )
        Evidence.objects.create(
            owner=ada.principal, job=job, key=uuid.UUID(int=number), source=source, quote="Mealie plans",
            start=0, end=12, weight=0.5 + number / 10, verdict=verdict,
            checked_at=checked if verdict else None, now_says="Mealie schedules" if verdict else "",
        )  # fmt: skip
    changed, unseen = get(ada, DETAIL, job.pk).json()["evidence"]
    assert changed == {
        "evidence_id": str(uuid.UUID(int=1)),
        "source_id": str(Evidence.objects.get(verdict="changed").source_id),
        "source_name": "Mealie-1",
        "url": "https://mealie-1.example",
        "domain": "mealie-1.example",
        "kind": "product page",
        "origin": "test",
        "quote": "Mealie plans",
        "weight": 0.6,
        "published_on": (today - datetime.timedelta(days=365)).isoformat(),
        "fetched_at": changed["fetched_at"],
        "freshness": 0.5,
        "can_be_checked": True,
        "checked_at": checked.isoformat(),
        "verdict": "changed",
        "now_says": "Mealie schedules",
    }
    assert (unseen["verdict"], unseen["checked_at"], unseen["now_says"]) == (None, None, None)
    assert unseen["can_be_checked"] is False
    with django_assert_num_queries(1):
        shapes.heaviest(job.evidence.all())
