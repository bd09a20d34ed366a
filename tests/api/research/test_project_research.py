"""POST /projects/research"""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.conf import LazySettings

from projects.models import Project
from realtime.models import Stream
from research.models import ResearchJob
from tests.helpers.landscapes import finished
from tests.helpers.people import Person

pytestmark = pytest.mark.django_db
URL = "/projects/research"
BODY = {"title": "A recipe box", "description": "A recipe box for families."}


def test_project_and_research_together(ada: Person) -> None:
    answer = ada.client.post(URL, BODY)
    body = answer.json()
    assert answer.status_code == 202
    project, job = Project.objects.get(), ResearchJob.objects.get()
    assert (body["project_id"], body["job_id"]) == (str(project.pk), str(job.pk))
    assert (body["status"], body["position"], body["project"]["title"]) == ("queued", 0, "A recipe box")
    assert (job.project_id, job.idea, job.mode) == (project.pk, "A recipe box for families.", "market")


@pytest.mark.parametrize(
    ("more", "idea"),
    [
        ({"description": ""}, "A recipe box"),
        ({"idea": "a tool box"}, "a tool box"),
        ({}, BODY["description"]),
    ],
)
def test_what_is_researched(ada: Person, more: Any, idea: str) -> None:
    assert ada.client.post(URL, {**BODY, **more}).status_code == 202
    assert ResearchJob.objects.get().idea == idea


def test_key_replays(ada: Person) -> None:
    headers = {"Idempotency-Key": "one"}
    first, again = (ada.client.post(URL, BODY, headers=headers) for _ in range(2))
    assert (again.status_code, again.json()) == (202, first.json())
    assert again["Idempotent-Replayed"] == "true"
    assert (Project.objects.count(), ResearchJob.objects.count()) == (1, 1)


def test_identical_research_in_progress(ada: Person) -> None:
    ada.client.post(URL, BODY)
    before = Project.objects.get().updated_at
    answer = ada.client.post(URL, BODY)
    assert answer.status_code == 409
    assert answer.json() == {"detail": "Identical research request already in progress"}
    assert Project.objects.get().updated_at == before, "nothing of it happened"


def test_without_credits_there_is_no_project_either(ada: Person, settings: LazySettings) -> None:
    settings.CREDITS_ENFORCED, settings.RESEARCH_RUNNING = True, 100
    for number in range(6):
        assert ada.client.post(URL, {"title": f"box {number}"}).status_code == 202
    assert ada.client.post(URL, {"title": "one more"}).status_code == 429
    assert Project.objects.count() == Stream.objects.filter(channel="project").count() == 6


def test_fresh_answer(ada: Person) -> None:
    project = ada.client.post("/projects", BODY).json()["id"]
    job = finished(ada.principal, idea=BODY["description"], project_id=uuid.UUID(project))
    answer = ada.client.post(URL, BODY)
    assert (answer.status_code, answer.json()["job_id"], answer.json()["cached"]) == (200, str(job.pk), True)
    assert answer.json()["project_id"] == project
    assert ada.client.post(URL, {**BODY, "refresh": True}).status_code == 202


@pytest.mark.parametrize(
    ("body", "status"),
    [({}, 400), ({"title": 5}, 422), ({"title": "x", "idea": 5}, 422), ({"title": "x", "mode": "y"}, 422)],
)
def test_refused(ada: Person, body: Any, status: int) -> None:
    assert ada.client.post(URL, body).status_code == status
    assert not Project.objects.exists()
