"""POST /research/{job_id}/sections/{section}/retry, with runs over a small corpus"""

from __future__ import annotations

import uuid
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection

from accounts.models import LedgerEntry, ModelCall
from manticscore import errors
from realtime import runs
from realtime.models import Event, Stream
from research.actions import research, retrying
from research.actions.research import Identical, Question
from research.actions.retrying import REFUNDED, SECTIONS, STAGES
from research.corpus.importing import Record
from research.models import ResearchJob
from research.pipeline import market
from research.tasks import run_research
from tests import factories
from tests.helpers import installation
from tests.helpers.landscapes import finished
from tests.helpers.meanwhile import before
from tests.helpers.people import Person
from tests.helpers.threads import at_once

pytestmark = pytest.mark.django_db
IDEA = "a recipe manager for families that plans meals and writes the shopping list"


@pytest.fixture
def done(ada: Person, corpus: list[Record]) -> str:
    job_id: str = ada.client.post("/research", {"idea": IDEA}).json()["job_id"]
    run_research(job_id)
    return job_id


def retry(person: Person, job_id: Any, section: str) -> Any:
    return person.client.post(f"/research/{job_id}/sections/{section}/retry")


def events(job_id: str, after: int = 0) -> list[Event]:
    return list(Event.objects.filter(stream_id=job_id, seq__gt=after).order_by("seq"))


def test_stages_are_those_of_the_pipeline() -> None:
    assert [stage.name for stage in market.pipeline()._stages] == list(STAGES)
    assert set(SECTIONS.values()) <= set(STAGES)


@pytest.mark.parametrize("section", ["signals", "competitors"])
def test_section_is_made_anew_after_the_earlier_end(ada: Person, done: str, section: str) -> None:
    before = ada.client.get(f"/research/{done}").json()
    answer = retry(ada, done, section)
    assert answer.status_code == 202
    assert answer.json() == {"job_id": done, "status": "queued", "position": 0, "section": section}
    waiting = ada.client.get(f"/research/{done}").json()
    assert (waiting["status"], waiting["last_event_seq"]) == ("queued", before["last_event_seq"] + 1)
    run_research(done)
    after = ada.client.get(f"/research/{done}").json()
    assert (after["status"], after["attempt"]) == ("completed", 2)
    assert after["artifact"] == before["artifact"], "the corpus is the same, so is what follows from it"
    told = events(done, before["last_event_seq"])
    assert (told[0].type, told[0].data["stage"]) == ("progress", f"{section}_retrying")
    assert [event.seq for event in events(done)] == list(range(1, after["last_event_seq"] + 1))
    stages = [event.data["name"] for event in told if event.data.get("status") == "started"]
    assert stages == list(STAGES[STAGES.index(SECTIONS[section]) :])
    assert all(event.data["attempt"] == 2 for event in told if event.type == "stage")
    assert [event.type for event in told[-2:]] == ["result", "done"]
    assert Stream.objects.get(pk=done).closed_seq == told[-1].seq


# What was paid


def ledger(job_id: str) -> list[tuple[str, int]]:
    return list(LedgerEntry.objects.filter(entity_id=job_id).order_by("pk").values_list("kind", "amount"))


def paid_and_cancelled(person: Person) -> str:
    """A job that its owner cancelled after a stage had begun, which costs what it costs."""
    job_id: str = person.client.post("/research", {"idea": IDEA}).json()["job_id"]
    journal = runs.claim(uuid.UUID(job_id))
    assert journal is not None
    journal.emit("stage", {"name": "interpret", "status": "started"})
    assert person.client.post(f"/research/{job_id}/cancel").status_code == 200
    return job_id


def test_failed_run_may_be_taken_up(ada: Person, corpus: list[Record]) -> None:
    job_id = paid_and_cancelled(ada)
    assert retry(ada, job_id, "summary").status_code == 202
    run_research(job_id)
    assert ada.client.get(f"/research/{job_id}/status").json()["status"] == "completed"
    assert ledger(job_id) == [("charge", 3)]


def test_what_was_given_back_is_not_taken_up(ada: Person) -> None:
    job_id = ada.client.post("/research", {"idea": IDEA}).json()["job_id"]
    ada.client.post(f"/research/{job_id}/cancel")
    before = Stream.objects.values().get(pk=job_id)
    answer = retry(ada, job_id, "summary")
    assert (answer.status_code, answer.json()) == (409, {"detail": REFUNDED})
    assert Stream.objects.values().get(pk=job_id) == before, "nothing of it happened"
    assert ledger(job_id) == [("charge", 3), ("refund", -3)]


def test_cancelling_a_waiting_retry_gives_nothing_back(ada: Person, done: str) -> None:
    assert retry(ada, done, "competitors").status_code == 202
    assert ada.client.post(f"/research/{done}/cancel").status_code == 200
    assert ledger(done) == [("charge", 3)]


def test_nor_does_cancelling_that_of_a_run_that_failed(ada: Person) -> None:
    job_id = paid_and_cancelled(ada)
    assert retry(ada, job_id, "competitors").status_code == 202
    assert ada.client.post(f"/research/{job_id}/cancel").status_code == 200
    assert ledger(job_id) == [("charge", 3)]


@pytest.mark.parametrize("failure", [errors.InternalError(), errors.WorkerCrashed()])
def test_failed_retry_gives_nothing_back_of_what_was_delivered(
    ada: Person, done: str, failure: errors.PipelineError
) -> None:
    retry(ada, done, "signals")
    assert runs.abandon(uuid.UUID(done), failure)
    assert ledger(done) == [("charge", 3)]


def test_failed_retry_of_what_was_never_delivered_gives_back(ada: Person) -> None:
    job_id = paid_and_cancelled(ada)
    retry(ada, job_id, "signals")
    assert runs.abandon(uuid.UUID(job_id), errors.InternalError())
    assert ledger(job_id) == [("charge", 3), ("refund", -3)]
    assert retry(ada, job_id, "signals").status_code == 409


# What stays


def test_result_stays_when_making_a_part_anew_fails(ada: Person) -> None:
    project = factories.project(ada.principal)
    first, job = (finished(ada.principal, project_id=project.pk) for _ in range(2))
    card = factories.card(ada.principal, job, project=project)
    before = ada.client.get(f"/research/{job.pk}").json()
    assert retry(ada, job.pk, "signals").status_code == 202
    assert ada.client.get(f"/research/{job.pk}").json()["artifact"] == before["artifact"]
    assert ada.client.post(f"/research/{job.pk}/cancel").status_code == 200
    after = ada.client.get(f"/research/{job.pk}").json()
    assert after["status"] == "failed"
    assert [after[name] for name in ("artifact", "artifact_hash")] == [
        before[name] for name in ("artifact", "artifact_hash")
    ]
    assert ada.client.get(f"/products/{card.pk}").json()["artifact"] == before["artifact"]
    assert ada.client.get(f"/research/{job.pk}/pdf").status_code == 200
    assert ada.client.post(f"/research/{job.pk}/share").status_code == 200
    assert ada.client.get(f"/research/{job.pk}/diff").json()["against"] == str(first.pk)
    versions = ada.client.get(f"/research/{job.pk}/versions").json()["versions"]
    assert [version["job_id"] for version in versions] == [str(job.pk), str(first.pk)]
    assert ada.client.get(f"/projects/{project.pk}/home").json()["research"]["job_id"] == str(job.pk)


def test_answers_of_a_model_are_forgotten_for_what_is_made_anew(ada: Person) -> None:
    job = factories.research_job(ada.principal)
    Stream.objects.filter(pk=job.pk).update(status="failed", closed_seq=0, stage="analyze")
    for stage in ("interpret", "judge", "analyze", "synthesize"):
        factories.model_call(ada.principal, stream_id=job.pk, stage=stage, reply={"text": "{}"})
    assert retry(ada, job.pk, "signals").status_code == 202
    kept = ModelCall.objects.filter(stream_id=job.pk, reply__isnull=False).exclude(fingerprint="")
    assert set(kept.values_list("stage", flat=True)) == {"interpret", "judge"}
    assert ModelCall.objects.filter(stream_id=job.pk).count() == 4, "what they cost stays"


def test_unfinished_run(ada: Person) -> None:
    job = factories.research_job(ada.principal)
    answer = retry(ada, job.pk, "signals")
    assert (answer.status_code, answer.json()) == (409, {"detail": "This research is still in progress"})


def test_twice(ada: Person) -> None:
    job = finished(ada.principal)
    assert [retry(ada, job.pk, "signals").status_code for _ in range(2)] == [202, 409]


def test_while_the_same_question_is_worked_on(ada: Person) -> None:
    job_id = ada.client.post("/research", {"idea": IDEA}).json()["job_id"]
    Stream.objects.filter(pk=job_id).update(status="completed", closed_seq=0)
    assert ada.client.post("/research", {"idea": IDEA, "refresh": True}).status_code == 202
    answer = retry(ada, job_id, "signals")
    assert answer.status_code == 409
    assert answer.json() == {"detail": "Identical research request already in progress"}
    assert Stream.objects.get(pk=job_id).is_closed


@pytest.mark.parametrize("section", ["persist", "Signals", "x", "signals-"])
def test_unknown_sections(ada: Person, section: str) -> None:
    answer = retry(ada, finished(ada.principal).pk, section)
    assert (answer.status_code, answer.json()) == (404, {"detail": "Not found"})


def test_beyond_capacity_it_waits(ada: Person, settings: LazySettings) -> None:
    settings.RESEARCH_RUNNING = 0
    job = finished(ada.principal)
    answer = retry(ada, job.pk, "signals").json()
    assert (answer["status"], answer["waiting"]) == ("queued", True)
    assert ResearchJob.objects.get(pk=job.pk).is_waiting


def test_somebody_elses(ada: Person, mallory: Person) -> None:
    job = finished(ada.principal)
    foreign, missing = retry(mallory, job.pk, "signals"), retry(mallory, uuid.uuid4(), "signals")
    assert (foreign.status_code, foreign.content) == (404, missing.content)
    assert Stream.objects.get(pk=job.pk).is_closed


# At the same time


@pytest.mark.django_db(transaction=True)
def test_asking_anew_and_making_a_part_anew_do_not_lock_each_other_out(ada: Person) -> None:
    """The question has one open stream: whoever comes second is told so."""
    job = research.ask(ada.principal, Question(IDEA)).job
    Stream.objects.filter(pk=job.pk).update(status="completed", closed_seq=0)

    def retry_a_section(number: int) -> str:
        try:
            retrying.retry(ResearchJob.objects.select_related("stream").get(pk=job.pk), "summary")
        except Identical:
            return "identical"
        return "begun"

    def meet() -> None:
        """The other one goes as far as it can while this one holds its claim."""
        started.append(threads.submit(at_once, 1, retry_a_section))
        installation.until(someone_waits)

    started: list[Future[list[str]]] = []
    with ThreadPoolExecutor(1) as threads:
        with before('FROM "realtime_stream" WHERE "realtime_stream"."id" =', meet):
            asked = research.ask(ada.principal, Question(IDEA, refresh=True))
        assert started[0].result() == ["identical"]
    assert ResearchJob.objects.count() == 2
    assert not asked.is_cached


def someone_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return bool(cursor.fetchone()[0])
