"""POST /feature-research and what can be asked of a job: metadata, status, result, cancel"""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.cache import cache
from django.db import connection
from django.utils import timezone

from accounts import credits
from realtime import runs
from realtime.models import Event, Stream
from realtime.topics import Channel
from research.models import FeatureEvidence, FeatureResearchJob
from tests import factories
from tests.helpers.people import JSONClient, Person

URL = "/feature-research"
IDEA = "a recipe box for families"
FEATURES = [
    {"id": "f1", "name": "shopping list", "source": "research"},
    {"id": "f2", "name": "meal plan", "source": "user"},
]
BODY: dict[str, Any] = {"idea": IDEA, "features": FEATURES}
IDENTICAL = "Identical feature research request already in progress"


def queue() -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT task_name, queue_name, lock, args->>'stream_id', status::text FROM procrastinate_jobs"
        )
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def counts() -> tuple[int, int, int]:
    streams = Stream.objects.filter(channel=Channel.FEATURE_RESEARCH).count()
    return streams, FeatureResearchJob.objects.count(), len(queue())


def refused(response: Any, status: int, detail: str) -> None:
    assert (response.status_code, response.json()) == (status, {"detail": detail})
    assert counts() == (0, 0, 0)


def completed(owner: Person, **values: Any) -> FeatureResearchJob:
    values = {"artifact": {"idea": IDEA}, "artifact_hash": "ab" * 32, **values}
    job = factories.feature_research_job(owner.principal, **values)
    Stream.objects.filter(pk=job.pk).update(status="completed", stage="synthesize", closed_seq=9, last_seq=9)
    return job


# --- Starting ------------------------------------------------------------------------------------


def test_answer(ada: Person) -> None:
    response = ada.client.post(URL, BODY)
    assert response.status_code == 202
    assert response.json() == {"job_id": str(uuid.UUID(response.json()["job_id"])), "status": "queued"}


def test_job_stream_and_queue_entry_are_made_together(ada: Person) -> None:
    job_id = ada.client.post(URL, BODY).json()["job_id"]
    job = FeatureResearchJob.objects.select_related("stream").get()
    assert (str(job.pk), job.idea, job.features, job.owner_id) == (job_id, IDEA, FEATURES, ada.principal.id)
    assert (job.artifact, job.artifact_hash, job.research, job.is_chained) == (None, "", None, False)
    stream = job.stream
    assert (stream.channel, stream.status, stream.title) == (
        "feature_research",
        "queued",
        "shopping list, meal plan",
    )
    assert queue() == [("research.run_features", "interactive", job_id, job_id, "todo")]
    assert Event.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_failure_to_enqueue_leaves_nothing(ada: Person) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE procrastinate_jobs RENAME TO procrastinate_jobs_away")
    try:
        client = JSONClient(headers=ada.headers, raise_request_exception=False)
        assert client.post(URL, BODY).status_code == 500
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE procrastinate_jobs_away RENAME TO procrastinate_jobs")
    assert counts() == (0, 0, 0)
    assert credits.usage(ada.principal.id).credits == 0


def test_costs_three_credits(ada: Person) -> None:
    ada.client.post(URL, BODY)
    assert credits.usage(ada.principal.id).credits == 3


def test_without_credits(ada: Person, settings: LazySettings) -> None:
    settings.CREDITS_ENFORCED = True
    total = credits.usage(ada.principal.id).credits_total
    for _ in range(total // 3):
        credits.charge(owner_id=ada.principal.id, action="research", entity_id=uuid.uuid4())
    response = ada.client.post(URL, BODY)
    assert response.status_code == 429
    assert "feature_research costs 3" in response.json()["detail"]
    assert int(response["Retry-After"]) > 0
    assert counts() == (0, 0, 0)


def test_five_a_minute(ada: Person, settings: LazySettings) -> None:
    settings.RATELIMIT_ENABLE = True
    cache.clear()
    answers = [ada.client.post(URL, {}) for _ in range(6)]
    assert [answer.status_code for answer in answers].count(400) == 5
    assert answers[5].status_code == 429
    assert int(answers[5]["Retry-After"]) >= 1


@pytest.mark.parametrize("name", ["features", "idea"])
def test_missing(ada: Person, name: str) -> None:
    refused(ada.client.post(URL, {**BODY, name: None}), 400, f"{name} required")
    refused(ada.client.post(URL, {k: v for k, v in BODY.items() if k != name}), 400, f"{name} required")


@pytest.mark.parametrize("value", ["f1", {}, 1, True, [], [FEATURES[0]] * 11])
def test_features_of_another_kind_or_number(ada: Person, value: Any) -> None:
    refused(
        ada.client.post(URL, {**BODY, "features": value}), 422, "features must be a list of 1 to 10 objects"
    )


@pytest.mark.parametrize(
    ("item", "detail"),
    [
        ("list", "features[0] must be an object"),
        ({}, "features[0].id must be a string"),
        ({"id": 1, "name": "x", "source": "y"}, "features[0].id must be a string"),
        ({"id": "1", "name": None, "source": "y"}, "features[0].name must be a string"),
        ({"id": "1", "name": "x"}, "features[0].source must be a string"),
        ({"id": "1", "name": " ", "source": "y"}, "features[0].name must have at least 1 characters"),
        ({"id": "1", "name": "x" * 301, "source": "y"}, "features[0].name must have at most 300 characters"),
    ],
)
def test_malformed_feature(ada: Person, item: Any, detail: str) -> None:
    refused(ada.client.post(URL, {**BODY, "features": [item]}), 422, detail)


def test_two_features_of_one_id(ada: Person) -> None:
    body = {**BODY, "features": [FEATURES[0], {**FEATURES[1], "id": "f1"}]}
    refused(ada.client.post(URL, body), 422, "features must have different ids")


@pytest.mark.parametrize("name", ["shopping list", "Shopping lists", " SHOPPING  list!"])
def test_two_features_of_one_name(ada: Person, name: str) -> None:
    body = {**BODY, "features": [FEATURES[0], {**FEATURES[1], "name": name}]}
    refused(ada.client.post(URL, body), 422, "features must have different names")


def test_ten_features_and_longest_idea(ada: Person) -> None:
    features = [{"id": str(n), "name": f"shelf {n}", "source": "user"} for n in range(10)]
    assert ada.client.post(URL, {"idea": "x" * 5000, "features": features}).status_code == 202
    refuse = ada.client.post(URL, {"idea": "x" * 5001, "features": features})
    assert refuse.json() == {"detail": "idea must have at most 5000 characters"}


def test_fields_of_ours_are_never_written(ada: Person, mallory: Person) -> None:
    forged = {"job_id": str(uuid.uuid4()), "owner_id": mallory.principal.id, "status": "completed"}
    more = {"artifact": {}, "is_chained": True, "as_of": "1999-01-01", "research": str(uuid.uuid4())}
    features = [{**FEATURES[0], "label": "forged", "effort": 0}]
    assert ada.client.post(URL, {**BODY, **forged, **more, "features": features}).status_code == 202
    job = FeatureResearchJob.objects.get()
    assert (job.owner_id, job.artifact, job.is_chained) == (ada.principal.id, None, False)
    assert job.features == [FEATURES[0]]
    assert job.as_of.year != 1999


# --- What it belongs to --------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["project_id", "research_id"])
@pytest.mark.parametrize("value", ["", "x", 5, True, [], {}])
def test_ids_that_are_none(ada: Person, name: str, value: Any) -> None:
    refused(ada.client.post(URL, {**BODY, name: value}), 422, f"{name} must be a UUID or null")


def test_project_and_research_of_somebody_else_are_as_absent_as_none(ada: Person, mallory: Person) -> None:
    objects = {
        "project_id": factories.project_row(ada.principal).pk,
        "research_id": factories.research_job(ada.principal).pk,
    }
    for name, pk in objects.items():
        absent = mallory.client.post(URL, {**BODY, name: str(uuid.uuid4())})
        foreign = mallory.client.post(URL, {**BODY, name: str(pk)})
        refused(absent, 404, "Not found")
        assert (foreign.status_code, foreign.content) == (404, absent.content)
    assert counts() == (0, 0, 0)


def test_project_of_the_research_unless_another_is_named(ada: Person) -> None:
    one, other = (factories.project_row(ada.principal) for _ in range(2))
    research = factories.research_job(ada.principal, project_id=one.pk)
    ada.client.post(URL, {**BODY, "research_id": str(research.pk)})
    ada.client.post(URL, {**BODY, "research_id": str(research.pk), "project_id": str(other.pk)})
    found = FeatureResearchJob.objects.order_by("created_at").values_list(
        "research_id", "project_id", "stream__project_id"
    )
    assert set(found) == {(research.pk, one.pk, one.pk), (research.pk, other.pk, other.pk)}


# --- Repeated ------------------------------------------------------------------------------------


def test_identical_request_while_the_first_is_at_work(ada: Person, mallory: Person) -> None:
    assert ada.client.post(URL, BODY).status_code == 202
    again = ada.client.post(URL, {"idea": "Recipe boxes for the family!", "features": FEATURES[::-1]})
    assert (again.status_code, again.json()) == (409, {"detail": IDENTICAL})
    assert counts() == (1, 1, 1)
    assert credits.usage(ada.principal.id).credits == 3
    assert ada.client.post(URL, {**BODY, "features": FEATURES[:1]}).status_code == 202
    assert mallory.client.post(URL, BODY).status_code == 202


def test_identical_request_after_the_first_ended(ada: Person) -> None:
    job_id = ada.client.post(URL, BODY).json()["job_id"]
    ada.client.post(f"{URL}/{job_id}/cancel")
    assert ada.client.post(URL, BODY).status_code == 202


def test_one_idempotency_key_is_one_job(ada: Person) -> None:
    first = ada.client.post(URL, BODY, headers={"Idempotency-Key": "k"})
    second = ada.client.post(URL, BODY, headers={"Idempotency-Key": "k"})
    assert second.json() == first.json()
    assert second["Idempotent-Replayed"] == "true"
    other = ada.client.post(URL, {**BODY, "idea": "a tool box"}, headers={"Idempotency-Key": "k"})
    assert other.status_code == 409
    assert counts() == (1, 1, 1)


# --- Reading -------------------------------------------------------------------------------------


def test_metadata_of_a_job_that_waits(ada: Person) -> None:
    job_id = ada.client.post(URL, BODY).json()["job_id"]
    body = ada.client.get(f"{URL}/{job_id}").json()
    told = {"job_id": job_id, "status": "queued", "position": 0, "stage": None, "attempt": 0}
    asked = {"idea": IDEA, "features": FEATURES, "project_id": None, "research_id": None, "is_chained": False}
    assert body.items() >= {**told, **asked, "artifact_hash": None, "result_url": None}.items()


def test_status_is_the_head_of_the_metadata(ada: Person) -> None:
    job = completed(ada)
    status = ada.client.get(f"{URL}/{job.pk}/status").json()
    body = ada.client.get(f"{URL}/{job.pk}").json()
    assert set(status) == {
        "job_id", "status", "position", "stage", "attempt", "last_event_seq", "created_at", "updated_at",
    }  # fmt: skip
    assert body.items() >= status.items()
    assert (body["status"], body["artifact_hash"]) == ("completed", "ab" * 32)
    assert body["result_url"] == f"{URL}/{job.pk}/result"


def test_position_counts_those_that_wait_longer(ada: Person, mallory: Person) -> None:
    factories.feature_research_job(mallory.principal)
    factories.research_job(mallory.principal)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE realtime_stream SET created_at = created_at - interval '1 minute'")
    job_id = ada.client.post(URL, BODY).json()["job_id"]
    for path in (f"{URL}/{job_id}", f"{URL}/{job_id}/status"):
        assert ada.client.get(path).json()["position"] == 1


def test_result(ada: Person) -> None:
    job = completed(ada)
    for weight, key in ((0.2, "mealie"), (0.9, "mela")):
        FeatureEvidence.objects.create(
            owner=ada.principal, job=job, key=uuid.uuid4(), quote="Mealie plans",
            source=factories.source(key), start=0, end=12, weight=weight,
        )  # fmt: skip
    looked_at = {"verdict": "changed", "now_says": "Mela plans", "checked_at": timezone.now()}
    FeatureEvidence.objects.filter(weight=0.9).update(**looked_at)
    body = ada.client.get(f"{URL}/{job.pk}/result").json()
    assert set(body) == {"job_id", "artifact_hash", "artifact", "evidence"}
    assert (body["artifact"], body["artifact_hash"]) == ({"idea": IDEA}, "ab" * 32)
    assert [row["source_name"] for row in body["evidence"]] == ["Mela", "Mealie"]
    assert 0 <= body["evidence"][0]["freshness"] <= 1
    assert [row["verdict"] for row in body["evidence"]] == ["changed", None]
    assert [row["now_says"] for row in body["evidence"]] == ["Mela plans", None]
    assert [row["checked_at"] is None for row in body["evidence"]] == [False, True]
    assert [row["can_be_checked"] for row in body["evidence"]] == [False, False]


@pytest.mark.parametrize("status", ["queued", "running", "failed"])
def test_no_result_before_the_end_or_after_a_failure(ada: Person, status: str) -> None:
    job = factories.feature_research_job(ada.principal)
    Stream.objects.filter(pk=job.pk).update(status=status)
    response = ada.client.get(f"{URL}/{job.pk}/result")
    assert (response.status_code, response.json()) == (409, {"detail": "This feature research has no result"})


def test_a_market_research_is_no_feature_research(ada: Person) -> None:
    job = factories.research_job(ada.principal)
    for path in ("", "/status", "/events", "/result"):
        assert ada.client.get(f"{URL}/{job.pk}{path}").status_code == 404


# --- Cancelling ----------------------------------------------------------------------------------


def test_cancelled_before_it_began(ada: Person) -> None:
    job_id = ada.client.post(URL, BODY).json()["job_id"]
    response = ada.client.post(f"{URL}/{job_id}/cancel")
    assert (response.status_code, response.json()["status"]) == (200, "failed")
    events = list(Event.objects.order_by("seq").values_list("type", flat=True))
    assert events == ["error", "done"]
    assert Event.objects.get(type="error").data["code"] == "CANCELLED"
    assert credits.usage(ada.principal.id).credits == 0


def test_cancelled_in_its_middle_is_paid_for(ada: Person) -> None:
    job_id = ada.client.post(URL, BODY).json()["job_id"]
    journal = runs.claim(uuid.UUID(job_id))
    assert journal is not None
    journal.emit("stage", {"name": "scope", "status": "started"})
    assert ada.client.post(f"{URL}/{job_id}/cancel").status_code == 200
    assert credits.usage(ada.principal.id).credits == 3


def test_cancelled_when_it_is_over(ada: Person) -> None:
    response = ada.client.post(f"{URL}/{completed(ada).pk}/cancel")
    assert (response.status_code, response.json()) == (409, {"detail": "This feature research is over"})


# --- In a project --------------------------------------------------------------------------------


def days(least: float) -> dict[str, float]:
    return {"min": least, "likely": least + 1, "max": least + 2}


ARTIFACT: dict[str, Any] = {
    "features": [
        {
            "id": "f1", "name": "shopping list", "status": "evidenced", "prevalence": 0.5,
            "implementations": [{}], "risk_matrix": [{"level": "high"}, {"level": "low"}],
            "effort": {**days(2), "reasons": []},
        }
    ],
    "blueprint": {
        "build_order": [{"position": 1, "phase": 1, "feature_id": "f1", "name": "shopping list", "x": 1}],
        "mvp": {**days(5), "feature_ids": ["f1"], "reasons": []},
    },
}  # fmt: skip


def home(owner: Person, project_id: uuid.UUID) -> dict[str, Any]:
    body: dict[str, Any] = owner.client.get(f"/projects/{project_id}/home").json()
    return body


def test_home_sums_up_the_latest(ada: Person) -> None:
    project = factories.project(ada.principal)
    assert home(ada, project.pk)["feature_research"] is None
    completed(ada, project_id=project.pk, artifact={**ARTIFACT, "features": []})
    job = completed(ada, project_id=project.pk, artifact=ARTIFACT)
    factories.feature_research_job(ada.principal, project_id=project.pk)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE realtime_stream SET created_at = created_at + interval '1 minute' WHERE id = %s", [job.pk]
        )
    found = home(ada, project.pk)["feature_research"]
    assert (found["job_id"], found["mvp"]) == (str(job.pk), {**days(5), "feature_ids": ["f1"]})
    assert found["features"] == [
        {
            "id": "f1", "name": "shopping list", "status": "evidenced", "prevalence": 0.5,
            "implementations": 1, "high_risks": 1, "effort": days(2),
        }
    ]  # fmt: skip
    assert found["build_order"] == [{"position": 1, "phase": 1, "feature_id": "f1", "name": "shopping list"}]


def test_its_events_are_the_projects_too(ada: Person) -> None:
    project = factories.project(ada.principal)
    job_id = ada.client.post(URL, {**BODY, "project_id": str(project.pk)}).json()["job_id"]
    journal = runs.claim(uuid.UUID(job_id))
    assert journal is not None
    journal.emit("stage", {"name": "scope", "status": "started"})
    (event,) = Event.objects.filter(project_id=project.pk)
    assert (str(event.stream_id), event.type, event.project_seq) == (job_id, "stage", 1)
    body = home(ada, project.pk)
    assert [row["entity_id"] for row in body["feature_researches"]] == [job_id]
    assert body["in_flight"][0]["channel"] == "feature_research"


def test_it_goes_with_its_project(ada: Person) -> None:
    project = factories.project(ada.principal)
    job = completed(ada, project_id=project.pk)
    assert ada.client.delete(f"/projects/{project.pk}").status_code == 204
    assert not FeatureResearchJob.objects.filter(pk=job.pk).exists()
