"""GET /projects/{project_id}/changes"""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from realtime.models import Stream
from research.models import Evidence, ResearchJob
from tests import factories
from tests.helpers.people import Person

pytestmark = pytest.mark.django_db
IDEA = "a recipe box for families"
PARTS = ("incumbents", "emerging", "established", "features", "gaps", "signals")
NOTHING: dict[str, Any] = {part: [] for part in PARTS}


def player(name: str, **values: Any) -> dict[str, Any]:
    domain = f"{name.lower()}.example"
    row = {"id": f"id of {name}", "name": name, "domain": domain, "url": f"https://{domain}"}
    return {**row, "stage": "emerging", "threat": 0.5, **values}


def run(
    owner: Person, project_id: uuid.UUID | None, *, idea: str = IDEA, mode: str = "market", **artifact: Any
) -> ResearchJob:
    told = {"artifact": {**NOTHING, **artifact}, "mode": mode}
    made = factories.research_job(owner.principal, idea, project_id=project_id, **told)
    Stream.objects.filter(pk=made.pk).update(status="completed")
    return made


def get(person: Person, project_id: Any) -> Any:
    return person.client.get(f"/projects/{project_id}/changes")


def test_no_run_yet(ada: Person) -> None:
    project = factories.project(ada.principal)
    assert get(ada, project.pk).json() == {
        "project_id": str(project.pk), "before": None, "after": None, "changes": None, "evidence": [],
        "feature_evidence": [],
    }  # fmt: skip


def test_one_run_has_nothing_to_be_compared_with(ada: Person) -> None:
    project = factories.project(ada.principal)
    job = run(ada, project.pk)
    body = get(ada, project.pk).json()
    assert (body["before"], body["after"]["job_id"], body["changes"]) == (None, str(job.pk), None)


def test_runs_on_other_ideas_are_not_compared(ada: Person) -> None:
    project = factories.project(ada.principal)
    before = run(ada, project.pk, emerging=[player("Mealie")])
    run(ada, project.pk, idea="a tool box for plumbers", emerging=[player("Wrench")])
    run(ada, project.pk, mode="feature", emerging=[player("Wrench")])
    run(ada, None, emerging=[player("Elsewhere")])
    after = run(ada, project.pk, idea="A recipe box, for families", emerging=[player("Fresh")])
    body = get(ada, project.pk).json()
    assert (body["before"]["job_id"], body["after"]["job_id"]) == (str(before.pk), str(after.pk))
    assert [row["name"] for row in body["changes"]["competitors"]["gone"]] == ["Mealie"]
    other = run(ada, project.pk, idea="a third idea")
    body = get(ada, project.pk).json()
    assert (body["after"]["job_id"], body["before"], body["changes"]) == (str(other.pk), None, None)


def test_the_two_newest_completed_runs_are_compared(ada: Person) -> None:
    project = factories.project(ada.principal)
    run(ada, project.pk, emerging=[player("Forgotten")])
    before = run(ada, project.pk, emerging=[player("Mealie"), player("Gone")], quality={"score": 60.0})
    after = run(
        ada,
        project.pk,
        incumbents=[player("Mealie", stage="incumbent", threat=0.9)],
        emerging=[player("Fresh")],
        gaps=[{"id": "g", "label": "Offline use", "opportunity": 0.7}],
        quality={"score": 71.5},
    )
    factories.research_job(ada.principal, project_id=project.pk)
    run(ada, None, emerging=[player("Elsewhere")])
    body = get(ada, project.pk).json()
    assert (body["before"]["job_id"], body["after"]["job_id"]) == (str(before.pk), str(after.pk))
    changes = body["changes"]
    assert [row["name"] for row in changes["competitors"]["new"]] == ["Fresh"]
    assert [row["name"] for row in changes["competitors"]["gone"]] == ["Gone"]
    [moved] = changes["competitors"]["moved"]
    assert (moved["name"], moved["stage"], moved["stage_before"]) == ("Mealie", "incumbent", "emerging")
    assert (moved["threat"], moved["threat_before"]) == (0.9, 0.5)
    assert changes["gaps"]["new"] == [{"id": "g", "label": "Offline use"}]
    assert changes["quality"] == {"before": 60.0, "after": 71.5}


def test_quotes_that_no_longer_stand_are_told(
    ada: Person, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    project = factories.project(ada.principal)
    job = run(ada, project.pk)
    source = factories.source()
    for number, verdict in enumerate(["gone", "changed", "still there", "unreachable", ""]):
        Evidence.objects.create(
            owner=ada.principal, job=job, key=uuid.UUID(int=number), source=source, quote=verdict or "unseen",
            start=0, end=6, weight=0.5, verdict=verdict,
            checked_at=timezone.now() + timedelta(minutes=number) if verdict else None,
        )  # fmt: skip
    body = get(ada, project.pk).json()
    assert [row["verdict"] for row in body["evidence"]] == ["changed", "gone"]
    assert body["feature_evidence"] == []


def test_quotes_of_the_newest_feature_research_are_told_too(ada: Person) -> None:
    project = factories.project(ada.principal)
    older, newer = (
        factories.feature_research_job(ada.principal, project_id=project.pk, artifact={}) for _ in range(2)
    )
    Stream.objects.filter(pk__in=[older.pk, newer.pk]).update(status="completed")
    Stream.objects.filter(pk=older.pk).update(created_at=timezone.now() - timedelta(days=1))
    later = timezone.now() + timedelta(minutes=1)
    for job in (older, newer):
        factories.evidence(job, verdict="gone", checked_at=later)
        factories.evidence(job, verdict="still there", checked_at=later)
    body = get(ada, project.pk).json()
    assert [(row["job_id"], row["verdict"]) for row in body["feature_evidence"]] == [(str(newer.pk), "gone")]
    assert body["evidence"] == []


def test_projects_of_others_are_absent(ada: Person, mallory: Person) -> None:
    project = factories.project(ada.principal)
    run(ada, project.pk)
    foreign, missing = get(mallory, project.pk), get(mallory, uuid.uuid4())
    assert (foreign.status_code, foreign.content) == (404, missing.content)
