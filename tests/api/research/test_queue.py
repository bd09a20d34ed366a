"""More research than an account may run at a time: what waits, what is refused, and what begins when."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection, transaction
from django.utils import timezone

from accounts.models import LedgerEntry
from manticscore import errors
from realtime import runs
from realtime.models import Event, Stream
from research import queue
from research.models import ResearchJob
from research.tasks import run_research
from tests import factories
from tests.helpers.people import Person
from tests.helpers.threads import at_once

pytestmark = pytest.mark.django_db
URL = "/research"


@pytest.fixture(autouse=True)
def capacity(settings: LazySettings) -> None:
    settings.RATELIMIT_ENABLE = False
    settings.RESEARCH_RUNNING, settings.RESEARCH_WAITING = 2, 3


def ask(person: Person, *numbers: int) -> list[Any]:
    return [person.client.post(URL, {"idea": f"a recipe box number {number}"}) for number in numbers]


def ids(answers: list[Any]) -> list[str]:
    return [answer.json()["job_id"] for answer in answers]


def status(person: Person, job_id: str) -> Any:
    return person.client.get(f"{URL}/{job_id}/status").json()


def due(job_id: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(scheduled_at <= now(), true) FROM procrastinate_jobs"
            " WHERE lock = %s AND status = 'todo'",
            [job_id],
        )
        [row] = cursor.fetchall()
        return bool(row[0])


def end(job_id: str) -> None:
    Stream.objects.filter(pk=job_id).update(status="failed", closed_seq=1)
    queue.wake(ResearchJob.objects.get(pk=job_id).pk)


def test_what_is_beyond_capacity_waits_and_says_so(ada: Person) -> None:
    answers = ask(ada, *range(5))
    assert [answer.status_code for answer in answers] == [202] * 5
    assert [answer.json().get("waiting", False) for answer in answers] == [False] * 2 + [True] * 3
    assert [answer.json()["position"] for answer in answers] == [0, 1, 2, 3, 4]
    waiting = status(ada, answers[2].json()["job_id"])
    assert (waiting["status"], waiting["waiting"], waiting["last_event_seq"]) == ("queued", True, 1)
    assert status(ada, answers[0].json()["job_id"])["waiting"] is False
    event = Event.objects.get(stream_id=answers[2].json()["job_id"])
    assert (event.seq, event.type, event.data["stage"]) == (1, "progress", "waiting")


def test_when_too_much_waits_the_rest_is_refused(ada: Person, mallory: Person) -> None:
    ask(ada, *range(5))
    [refused] = ask(ada, 6)
    assert (refused.status_code, refused.json()) == (429, {"detail": "Too many requests"})
    assert int(refused["Retry-After"]) == queue.LOOK_AGAIN
    assert ResearchJob.objects.count() == 5
    assert LedgerEntry.objects.count() == 5, "what was refused was not charged"
    assert ask(mallory, 6)[0].status_code == 202


def test_others_do_not_wait_for_it(ada: Person, mallory: Person) -> None:
    ask(ada, *range(5))
    [answer] = ask(mallory, 1)
    assert "waiting" not in answer.json()
    assert answer.json()["position"] == 2, "those of Ada's that wait are not ahead of Mallory's"
    assert due(answer.json()["job_id"])


def test_the_first_that_waits_looks_when_a_run_ends(ada: Person) -> None:
    first, second, *waiting = ids(ask(ada, *range(5)))
    assert [due(job_id) for job_id in (first, second, *waiting)] == [True, True, False, False, False]
    end(second)
    assert [due(job_id) for job_id in waiting] == [True, False, False]
    end(first)
    assert [due(job_id) for job_id in waiting] == [True, True, False]


def test_those_that_waited_longest_are_admitted_first(ada: Person) -> None:
    first, _, *waiting = ids(ask(ada, *range(5)))
    jobs = [ResearchJob.objects.select_related("stream").get(pk=job_id) for job_id in waiting]
    assert [queue.admit(job) for job in jobs] == [False, False, False]
    Stream.objects.filter(pk=first).update(status="failed", closed_seq=1)
    assert [queue.admit(job) for job in reversed(jobs)] == [False, False, True]
    assert status(ada, waiting[0])["waiting"] is False
    assert status(ada, waiting[1])["waiting"] is True


def test_one_that_is_not_admitted_looks_again_later(ada: Person) -> None:
    *_, waiting = ids(ask(ada, *range(3)))
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET status = 'succeeded' WHERE lock = %s", [waiting])
    run_research(waiting)
    assert status(ada, waiting)["waiting"] is True
    assert not due(waiting)


def test_one_that_is_admitted_runs(ada: Person) -> None:
    first, _, waiting = ids(ask(ada, *range(3)))
    end(first)
    run_research(waiting)
    told = status(ada, waiting)
    assert (told["waiting"], told["attempt"]) == (False, 1)
    assert told["status"] in ("completed", "failed")


def test_one_that_is_to_be_cancelled_does_not_wait_for_room(ada: Person) -> None:
    *_, waiting = ids(ask(ada, *range(3)))
    Stream.objects.filter(pk=waiting).update(cancel_requested_at=timezone.now())
    run_research(waiting)
    told = status(ada, waiting)
    assert (told["status"], told["waiting"]) == ("failed", False)
    assert Event.objects.get(stream_id=waiting, type="error").data["code"] == "CANCELLED"


def test_who_comes_later_does_not_overtake(ada: Person) -> None:
    first, *_ = ids(ask(ada, *range(4)))
    end(first)
    [late] = ask(ada, 9)
    assert late.json()["waiting"] is True


def test_cancelling_makes_room(ada: Person) -> None:
    first, _, waiting = ids(ask(ada, *range(3)))
    assert ada.client.post(f"{URL}/{first}/cancel").status_code == 200
    assert due(waiting)


def test_credits_come_back_for_what_waited_and_was_cancelled(ada: Person) -> None:
    *_, waiting = ids(ask(ada, *range(3)))
    ada.client.post(f"{URL}/{waiting}/cancel")
    told = [status(ada, waiting), ada.client.get(f"{URL}/{waiting}").json()]
    assert [(answer["status"], answer["waiting"]) for answer in told] == [("failed", False)] * 2
    kinds = LedgerEntry.objects.filter(entity_id=waiting).order_by("id").values_list("kind", flat=True)
    assert list(kinds) == ["charge", "refund"]


def woken(*job_ids: str) -> list[bool]:
    return [due(job_id) for job_id in job_ids]


@pytest.mark.parametrize("error", [errors.WorkerCrashed(), errors.InternalError(), errors.Cancelled()])
def test_every_end_makes_room(ada: Person, error: errors.PipelineError) -> None:
    first, _, *waiting = ids(ask(ada, *range(4)))
    assert runs.abandon(uuid.UUID(first), error)
    assert woken(*waiting) == [True, False]


def test_a_run_that_ends_well_makes_room(ada: Person) -> None:
    first, _, *waiting = ids(ask(ada, *range(4)))
    journal = runs.claim(uuid.UUID(first))
    assert journal is not None
    journal.finish("completed", "result", {})
    assert woken(*waiting) == [True, False]


def test_a_project_that_goes_makes_room(ada: Person) -> None:
    """Of its three the one that waits is no longer in the way either."""
    project = {"project_id": str(factories.project(ada.principal, "Gone").pk)}
    for number in range(3):
        ada.client.post(URL, {"idea": f"a tool box number {number}", **project})
    *_, first, second = ids(ask(ada, *range(2)))
    assert woken(first, second) == [False, False]
    assert ada.client.delete(f"/projects/{project['project_id']}").status_code == 204
    assert woken(first, second) == [True, True]


@pytest.mark.django_db(transaction=True)
def test_two_that_end_at_the_same_moment_make_two_begin(ada: Person) -> None:
    first, second, *waiting = ids(ask(ada, *range(5)))
    journals = [runs.claim(uuid.UUID(job_id)) for job_id in (first, second)]

    def finish(number: int) -> None:
        journal = journals[number]
        assert journal is not None
        journal.finish("completed", "result", {})

    with transaction.atomic():
        finish(0)
        at_once(1, lambda _: finish(1))
    assert woken(*waiting) == [True, True, False]


def test_one_that_begins_at_once_does_not_wait_any_more(ada: Person) -> None:
    """Though it waited when a part of it was made anew before, until that was cancelled."""
    first = ids(ask(ada, 0))[0]
    Stream.objects.filter(pk=first).update(status="completed", closed_seq=0)
    second, _ = ids(ask(ada, 1, 2))
    retry = f"{URL}/{first}/sections/summary/retry"
    assert ada.client.post(retry).json()["waiting"] is True
    assert ada.client.post(f"{URL}/{first}/cancel").status_code == 200
    end(second)
    assert "waiting" not in ada.client.post(retry).json()
    assert status(ada, first)["waiting"] is False
    assert not ResearchJob.objects.get(pk=first).is_waiting
    assert ask(ada, 3)[0].json()["waiting"] is True, "two run again"
