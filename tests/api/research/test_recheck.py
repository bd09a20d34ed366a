"""POST /research/{job_id}/evidence/recheck and POST /feature-research/{job_id}/evidence/recheck"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.cache import cache
from django.db import connection
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts import ratelimits
from manticscore.clients.fetch import fetcher as fetching
from realtime.models import Stream
from research.models import FeatureResearchJob, ResearchJob, Source
from research.tasks import recheck_sources
from tests import factories
from tests.helpers import sites
from tests.helpers.landscapes import finished
from tests.helpers.people import Person
from tests.helpers.sites import Site, answer
from tests.rebind import actors

pytestmark = pytest.mark.django_db
QUOTE = "Mealie costs 3 dollars a month for a whole family."
RAISED = QUOTE.replace("3", "5")
UNDER_WAY = "The evidence is being checked already"
NO_RESULT = "There is no result whose evidence could be checked"

Job = ResearchJob | FeatureResearchJob
Made = Callable[..., Job]


def market(person: Person, **values: Any) -> ResearchJob:
    return finished(person.principal, **values)


def features(person: Person, **values: Any) -> FeatureResearchJob:
    made = factories.feature_research_job(person.principal, artifact={"features": []}, **values)
    Stream.objects.filter(pk=made.pk).update(status="completed", closed_seq=1)
    return made


@pytest.fixture(params=[market, features])
def made(request: pytest.FixtureRequest) -> Made:
    """Makes a completed job of one kind of research."""
    maker: Made = request.param
    return maker


def page_of(key: str, **values: Any) -> Source:
    """A source that was read from its page so long ago that a look is worth while."""
    read = {"retrieved": True, "fetched_at": timezone.now() - timedelta(days=3), "text": QUOTE}
    return factories.source(key, **{**read, **values})


def path(job: Job) -> str:
    prefix = "research" if isinstance(job, ResearchJob) else "feature-research"
    return f"/{prefix}/{job.pk}/evidence/recheck"


def ask(person: Person, job: Job) -> Any:
    return person.client.post(path(job))


def looks() -> Any:
    return ProcrastinateJob.objects.filter(task_name="research.recheck_sources").order_by("id")


def set_status(status: str) -> None:
    """As the worker that takes the jobs, or is done with them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE procrastinate_jobs SET status = %s::procrastinate_job_status WHERE task_name = %s",
            [status, "research.recheck_sources"],
        )


def test_every_page_is_queued_once_by_host(ada: Person, made: Made) -> None:
    job = made(ada)
    first = page_of("first", url="https://one.example/a")
    for source in (first, page_of("second", url="https://one.example/b"), page_of("third")):
        factories.evidence(job, source)
    factories.evidence(job, first)
    factories.evidence(made(ada), page_of("of another job"))
    answer = ask(ada, job)
    assert (answer.status_code, answer.json()) == (202, {"job_id": str(job.pk), "sources": 3})
    groups = [len(args["source_ids"]) for args in looks().values_list("args", flat=True)]
    assert sorted(groups) == [1, 2]
    assert set(looks().values_list("queue_name", flat=True)) == {"background"}


@pytest.mark.parametrize("status", ["todo", "doing"])
def test_asked_again_while_it_is_under_way(ada: Person, made: Made, status: str) -> None:
    job, other = made(ada), made(ada)
    source = page_of("mealie")
    factories.evidence(job, source)
    factories.evidence(other, source)
    assert ask(ada, job).status_code == 202
    set_status(status)
    again = ask(ada, job)
    assert (again.status_code, again.json()) == (409, {"detail": UNDER_WAY})
    assert looks().count() == 1
    assert ask(ada, other).json()["sources"] == 1, "another job's evidence is another request"


@pytest.mark.parametrize("status", ["succeeded", "failed"])
def test_asked_again_afterwards(ada: Person, made: Made, status: str) -> None:
    job = made(ada)
    factories.evidence(job, page_of("mealie"))
    ask(ada, job)
    set_status(status)
    assert ask(ada, job).json()["sources"] == 1, "nobody has looked, or we did not get to the page"
    set_status(status)
    job.evidence.update(checked_at=timezone.now() - timedelta(minutes=50))  # type: ignore[union-attr]
    again = ask(ada, job)
    assert (again.status_code, again.json()["sources"]) == (202, 0)
    job.evidence.update(checked_at=timezone.now() - timedelta(minutes=70))  # type: ignore[union-attr]
    assert ask(ada, job).json()["sources"] == 1


def test_what_was_never_read_from_a_page_is_not_looked_for(ada: Person, made: Made) -> None:
    job = made(ada)
    factories.evidence(job, page_of("imported", retrieved=False))
    answer = ask(ada, job)
    assert (answer.status_code, answer.json()["sources"]) == (202, 0)
    assert not looks().exists()


def test_no_more_pages_than_in_a_night(ada: Person, made: Made, settings: LazySettings) -> None:
    job = made(ada)
    for days in (3, 9, 5):
        fetched_at = timezone.now() - timedelta(days=days)
        factories.evidence(job, page_of(str(days), url="https://one.example", fetched_at=fetched_at))
    settings.RECHECK_PER_NIGHT = 2
    assert ask(ada, job).json()["sources"] == 2
    [args] = looks().values_list("args", flat=True)
    ages = Source.objects.filter(pk__in=args["source_ids"]).values_list("key", flat=True)
    assert set(ages) == {"9", "5"}
    set_status("succeeded")
    settings.RECHECK_PER_NIGHT = 0
    assert ask(ada, job).json()["sources"] == 0, "an operator who never wants pages to be looked at again"


@pytest.mark.parametrize("status", ["queued", "running", "failed"])
def test_without_a_result(ada: Person, status: str) -> None:
    for job in (factories.research_job(ada.principal), factories.feature_research_job(ada.principal)):
        Stream.objects.filter(pk=job.pk).update(status=status)
        answer = ask(ada, job)
        assert (answer.status_code, answer.json()) == (409, {"detail": NO_RESULT})


def test_of_others_and_of_nobody(ada: Person, mallory: Person, made: Made) -> None:
    job = made(ada)
    factories.evidence(job, page_of("mealie"))
    foreign = ask(mallory, job)
    missing = mallory.client.post(path(job).replace(str(job.pk), str(uuid.uuid4())))
    assert (foreign.status_code, foreign.content) == (404, missing.content)
    assert not looks().exists()


def test_rationed(ada: Person, made: Made, settings: LazySettings) -> None:
    settings.RATELIMIT_ENABLE = True
    cache.clear()
    job = made(ada)
    assert ask(ada, job).status_code == 202
    for _ in range(ratelimits.RECHECK_EVIDENCE.count - 1):
        ratelimits.check_all([(ratelimits.RECHECK_EVIDENCE, ada.principal.pk)])
    assert ask(ada, job).status_code == 429


@pytest.fixture
def site(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    fetching.KNOWN_ROBOTS.clear()
    monkeypatch.setattr(fetching.TURNS, "_gap", 0.0)
    with sites.site() as served:
        settings.FETCH_ALLOW_PRIVATE = [f"127.0.0.1:{served.port}"]
        yield served


def test_what_was_found_is_seen_in_the_evidence(ada: Person, site: Site) -> None:
    project = factories.project(ada.principal)
    job, deep = market(ada, project_id=project.pk), features(ada, project_id=project.pk)
    card = factories.card(ada.principal, job, project=project)
    source = page_of("mealie", url=f"http://127.0.0.1:{site.port}/")
    for each in (job, deep):
        factories.evidence(each, source)
    site.pages["/"] = answer(f"<body><main><p>{RAISED}</p><p>{'It plans meals. ' * 9}</p></main></body>")
    assert ask(ada, job).json()["sources"] == 1
    [args] = looks().values_list("args", flat=True)
    recheck_sources(**args)
    shown = [
        *ada.client.get(f"/products/{card.pk}").json()["evidence"],
        *ada.client.get(f"/research/{job.pk}").json()["evidence"],
        *ada.client.get(f"/feature-research/{deep.pk}/result").json()["evidence"],
        *ada.client.get(f"/projects/{project.pk}/changes").json()["evidence"],
        *ada.client.get(f"/projects/{project.pk}/changes").json()["feature_evidence"],
    ]
    assert [(row["verdict"], row["now_says"]) for row in shown] == [("changed", RAISED)] * 5
    assert site.visited == ["/"], "one visit for both"


@pytest.mark.django_db(transaction=True)
def test_of_two_requests_at_once_one_is_accepted(ada: Person) -> None:
    job = market(ada)
    factories.evidence(job, page_of("mealie"))
    together = threading.Barrier(4)

    def request() -> int:
        together.wait(actors.PATIENCE)
        return int(ask(ada, job).status_code)

    assert sorted(actors.in_threads([request] * 4)) == [202, 409, 409, 409]
    assert looks().count() == 1
