"""POST /research with mode feature: what follows when the market research is done"""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import transaction

from accounts import credits
from manticscore.pipeline import Superseded
from realtime import runs
from realtime.models import Event, Stream
from research.models import FeatureResearchJob, ResearchJob
from tests import factories
from tests.helpers import log
from tests.helpers.people import Person

LABELS = ["shopping list", "meal plan", "import", "timer", "sharing", "pantry"]
ARTIFACT = {
    "features": [
        {"id": f"f{number}", "label": label, "phrases": [label]} for number, label in enumerate(LABELS)
    ]
}


def market(owner: Person, **values: Any) -> ResearchJob:
    """A market run whose stages are done, and whose end is still to come."""
    values = {"mode": "feature", "artifact": ARTIFACT, "artifact_hash": "ab", **values}
    job = factories.research_job(owner.principal, **values)
    Stream.objects.filter(pk=job.pk).update(project_id=job.project_id)
    return job


def finish(job: ResearchJob) -> None:
    journal = runs.claim(job.pk)
    assert journal is not None
    journal.finish("completed", "result", {"job_id": str(job.pk)})


def note(job: ResearchJob) -> dict[str, Any]:
    ((_, _, data),) = [event for event in log.stored(job.pk) if event[1] == "feature_research.chained"]
    return data


def test_top_five_features_are_researched_next(ada: Person) -> None:
    job = market(ada)
    finish(job)
    made = FeatureResearchJob.objects.select_related("stream").get()
    assert (made.research_id, made.idea, made.is_chained) == (job.pk, job.idea, True)
    assert (made.owner_id, made.stream.status) == (ada.principal.id, "queued")
    assert [feature["name"] for feature in made.features] == LABELS[:5]
    assert {feature["source"] for feature in made.features} == {"research"}
    assert log.types(job.pk) == ["feature_research.chained", "result", "done"]
    assert note(job) == {
        "status": "queued",
        "job_id": str(made.pk),
        "features": [{"id": f"f{number}", "name": label} for number, label in enumerate(LABELS[:5])],
        "message": "Deep research on 5 features begins.",
    }
    assert credits.usage(ada.principal.id).credits == 3
    assert ada.client.get(f"/feature-research/{made.pk}").json()["research_id"] == str(job.pk)


def test_in_the_project_of_the_market_research(ada: Person) -> None:
    project = factories.project(ada.principal)
    job = market(ada, project_id=project.pk)
    finish(job)
    made = FeatureResearchJob.objects.select_related("stream").get()
    assert (made.project_id, made.stream.project_id) == (project.pk, project.pk)
    told = Event.objects.filter(project_id=project.pk).order_by("project_seq").values_list("type", flat=True)
    assert list(told) == ["feature_research.chained", "result", "done"]


def test_market_mode_has_no_sequel(ada: Person) -> None:
    job = market(ada, mode="market")
    finish(job)
    assert not FeatureResearchJob.objects.exists()
    assert log.types(job.pk) == ["result", "done"]


def test_a_failed_run_has_no_sequel(ada: Person) -> None:
    job = market(ada)
    journal = runs.claim(job.pk)
    assert journal is not None
    journal.finish("failed", "error", {"message": "x", "code": "EMPTY_OUTPUT", "retryable": False})
    assert not FeatureResearchJob.objects.exists()


def test_without_credits_it_is_skipped_with_a_note(ada: Person, settings: LazySettings) -> None:
    settings.CREDITS_ENFORCED = True
    total = credits.usage(ada.principal.id).credits_total
    for _ in range(total // 3):
        credits.charge(owner_id=ada.principal.id, action="research", entity_id=uuid.uuid4())
    before = credits.usage(ada.principal.id).credits
    job = market(ada)
    finish(job)
    assert not FeatureResearchJob.objects.exists()
    assert not Stream.objects.filter(channel="feature_research").exists()
    told = note(job)
    assert (told["status"], told["job_id"]) == ("skipped", None)
    assert "Not enough credits: feature_research costs 3" in told["message"]
    assert credits.usage(ada.principal.id).credits == before
    job.stream.refresh_from_db()
    assert job.stream.status == "completed"


def test_without_features_it_is_skipped_with_a_note(ada: Person) -> None:
    job = market(ada, artifact={"features": []})
    finish(job)
    assert note(job)["message"] == "Deep research on features was skipped. No features were found."
    assert not FeatureResearchJob.objects.exists()


def test_the_end_that_is_rolled_back_starts_nothing(ada: Person) -> None:
    job = market(ada)
    with transaction.atomic():
        finish(job)
        transaction.set_rollback(True)
    assert not FeatureResearchJob.objects.exists()
    assert credits.usage(ada.principal.id).credits == 0
    finish(job)
    assert FeatureResearchJob.objects.count() == 1


def test_a_run_that_was_overtaken_starts_nothing(ada: Person) -> None:
    job = market(ada)
    old, new = runs.claim(job.pk), runs.claim(job.pk)
    assert old is not None
    assert new is not None
    with pytest.raises(Superseded):
        old.finish("completed", "result", {})
    assert not FeatureResearchJob.objects.exists()
    new.finish("completed", "result", {})
    assert FeatureResearchJob.objects.count() == 1


def test_a_run_that_ends_a_second_time_starts_no_second_one(ada: Person) -> None:
    """As when a section of it is made anew."""
    job = market(ada)
    finish(job)
    Stream.objects.filter(pk=job.pk).update(closed_seq=None)
    finish(job)
    assert FeatureResearchJob.objects.count() == 1
    assert log.types(job.pk).count("feature_research.chained") == 1


def test_the_same_already_at_work_is_not_started_again(ada: Person) -> None:
    job = market(ada)
    body = {
        "idea": job.idea,
        "research_id": str(job.pk),
        "features": [{"id": f"f{n}", "name": label, "source": "user"} for n, label in enumerate(LABELS[:5])],
    }
    assert ada.client.post("/feature-research", body).status_code == 202
    finish(job)
    assert "Identical feature research request" in note(job)["message"]
    assert FeatureResearchJob.objects.count() == 1
