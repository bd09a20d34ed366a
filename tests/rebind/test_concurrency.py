"""Rebinds against each other, against writers and against a running job, on real threads."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction

from accounts import rebind, sessions
from accounts.models import Device, IdempotencyKey, OutboxMessage, Principal, Rebind, RebindConflict, Secret
from manticscore import errors
from manticscore.pipeline import Output, Pipeline, Report
from realtime import publish, runs
from realtime.events import ProgressEvent
from realtime.models import Event, Stream
from research.actions import research
from research.actions.research import Question
from research.corpus import catalogue, importing, indexing
from research.models import Evidence, ResearchJob
from research.pipeline.context import MarketContext
from research.pipeline.stages.persist import Persist
from research.tasks import run_research
from tests import factories
from tests.rebind import actors
from tests.rebind.actors import DEVICE

pytestmark = pytest.mark.django_db(transaction=True)
RIVALS = ("user_grace", "user_mallory")


@pytest.fixture
def guest() -> Principal:
    return actors.on_device().principal


def attempt(user_id: str, device_id: str = DEVICE) -> Any:
    """What a rebind answered: its outcome or its conflict."""
    try:
        return rebind.rebind(user_id=user_id, device_id=device_id)
    except errors.Conflict as conflict:
        return conflict


def together(calls: list[Callable[[], Any]]) -> list[Any]:
    """Run them after a common start."""
    barrier = threading.Barrier(len(calls))

    def start(call: Callable[[], Any]) -> Any:
        barrier.wait(actors.PATIENCE)
        return call()

    return actors.in_threads([lambda call=call: start(call) for call in calls])  # type: ignore[misc]


def test_fifty_claims_by_two_users_have_one_winner(guest: Principal) -> None:
    rows = [actors.one_of_everything(guest) for _ in range(1)]
    for _ in range(20):
        factories.research_job(guest)
    answers = together([lambda n=n: attempt(RIVALS[n % 2]) for n in range(50)])  # type: ignore[misc]
    winners = [answer for answer in answers if isinstance(answer, rebind.Outcome) and answer.rebound]
    no_ops = [answer for answer in answers if answer == rebind.NOTHING]
    conflicts = [answer for answer in answers if isinstance(answer, errors.Conflict)]
    assert (len(winners), len(no_ops), len(conflicts)) == (1, 24, 25)
    owner = Device.objects.get().rebound_to_id
    loser = next(user for user in RIVALS if user != owner)
    assert actors.rows_owned_by(guest.id) == actors.rows_owned_by(loser) == {}
    assert winners[0].rows_updated == len(rows[0]) + actors.MORE_STREAMS + 40
    conflict = RebindConflict.objects.get()
    assert (conflict.claimant_id, conflict.claims) == (loser, 25)
    assert Rebind.objects.count() == OutboxMessage.objects.exclude(kind="test").count() == 1


def test_two_devices_of_one_user_at_once(guest: Principal) -> None:
    """Both bring a secret of the same kind and an equal key; neither fails, one of each stays."""
    devices = [f"device {number}" for number in range(8)]
    for device_id in devices:
        principal = actors.on_device(device_id).principal
        Secret.objects.create(owner=principal, kind="github_pat", ciphertext=b"x", hint="")
        IdempotencyKey.objects.create(owner=principal, route="r", key="k", request_hash="h")
        factories.stream(principal)
    answers = together([lambda d=d: attempt("user_grace", d) for d in devices])  # type: ignore[misc]
    assert all(answer.rebound for answer in answers)
    owned = actors.rows_owned_by("user_grace")
    assert (owned["accounts.secret"], owned["accounts.idempotencykey"]) == (1, 1)
    assert owned["realtime.stream"] == len(devices)


def test_a_user_who_makes_the_same_thing_meanwhile(guest: Principal) -> None:
    """The user's row commits after the collisions were settled and before the rows move."""
    user = Principal.objects.create(id="user_grace")
    Secret.objects.create(owner=guest, kind="github_pat", ciphertext=b"old", hint="")
    written = threading.Event()

    def store_own() -> None:
        with transaction.atomic():
            Secret.objects.create(owner=user, kind="github_pat", ciphertext=b"own", hint="")
            written.set()
            time.sleep(0.15)

    def claim() -> Any:
        actors.until_set(written)
        return attempt("user_grace")

    _, answer = actors.in_threads([store_own, claim])
    assert answer.rebound
    assert bytes(Secret.objects.get().ciphertext) == b"own"


def test_writers_never_leave_a_row_behind(guest: Principal) -> None:
    stop = threading.Event()
    stream = factories.stream(guest)

    def write_rows() -> int:
        written = 0
        while not stop.is_set():
            with transaction.atomic():
                factories.research_job(guest)
                with connection.cursor() as cursor:
                    cursor.execute("SELECT pg_sleep(0.003)")
            written += 1
        return written

    def write_events() -> int:
        written = 0
        while not stop.is_set():
            written = publish.append(stream.id, 1, [ProgressEvent(stage="search", message="at work")])
        return written

    def claim() -> Any:
        time.sleep(0.3)
        try:
            return attempt("user_grace")
        finally:
            time.sleep(0.3)
            stop.set()

    *written, events, answer = actors.in_threads([write_rows, write_rows, write_rows, write_events, claim])
    assert answer.rebound
    assert 0 < answer.rows_updated < 2 * sum(written) + 1, "writers were at work before and after"
    assert actors.rows_owned_by(guest.id) == {}
    owned = actors.rows_owned_by("user_grace")
    assert owned["research.researchjob"] == sum(written)
    assert owned["realtime.stream"] == sum(written) + 1
    assert Event.objects.filter(stream__owner_id="user_grace").count() == events


def test_an_insert_that_waited_for_the_rebind_goes_to_the_user(guest: Principal) -> None:
    holding, waiting = threading.Event(), threading.Event()

    def claim() -> None:
        with transaction.atomic():
            rebind.claim(Device.objects.get().digest, "user_grace")
            holding.set()
            actors.until_set(waiting)
            time.sleep(0.3)

    def insert() -> uuid.UUID:
        actors.until_set(holding)
        waiting.set()
        return factories.stream(guest).id

    _, stream_id = actors.in_threads([claim, insert])
    assert Stream.objects.get(id=stream_id).owner_id == "user_grace"


def test_a_session_that_waited_for_the_rebind_is_dead_at_birth(guest: Principal) -> None:
    holding = threading.Event()

    def claim() -> str:
        with transaction.atomic():
            rebind.claim(Device.objects.get().digest, "user_grace")
            holding.set()
            time.sleep(0.3)
        return ""

    def mint() -> str:
        actors.until_set(holding)
        return sessions.mint(guest)

    _, token = actors.in_threads([claim, mint])
    with pytest.raises(errors.InvalidToken):
        sessions.find(token)


def test_it_gives_way_to_a_writer_that_would_wait_for_it(guest: Principal) -> None:
    """The writer has locked a row and inserts the next one: a deadlock if the rebind stayed."""
    job = factories.research_job(guest)
    source = factories.source()
    locked = threading.Event()

    def persist() -> float:
        with transaction.atomic():
            ResearchJob.objects.select_for_update().get(pk=job.pk)
            locked.set()
            time.sleep(0.1)  # the rebind now holds the principal and waits for the job
            started = time.monotonic()
            add_evidence(job, guest.id, source)
            return time.monotonic() - started

    def claim() -> Any:
        actors.until_set(locked)
        return attempt("user_grace")

    waited, answer = actors.in_threads([persist, claim])
    assert answer.rebound
    assert waited < 0.9, "the rebind left before PostgreSQL looked for a deadlock"
    assert actors.rows_owned_by(guest.id) == {}


def test_a_device_that_stays_busy_is_503(guest: Principal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rebind, "PATIENCE", 0.5)
    job = factories.research_job(guest)
    locked, gone = threading.Event(), threading.Event()

    def hold() -> Any:
        with transaction.atomic():
            ResearchJob.objects.select_for_update().get(pk=job.pk)
            locked.set()
            gone.wait(10)

    def claim() -> Any:
        actors.until_set(locked)
        try:
            return attempt("user_grace")
        except errors.Unavailable as unavailable:
            return unavailable
        finally:
            gone.set()

    _, answer = actors.in_threads([hold, claim])
    assert isinstance(answer, errors.Unavailable)
    assert answer.retry_after is not None
    assert Device.objects.get().rebound_to_id is None
    assert actors.rows_owned_by(guest.id)["research.researchjob"] == 1


def add_evidence(job: ResearchJob, owner_id: str, source: Any) -> None:
    key = uuid.uuid4()
    Evidence.objects.create(
        owner_id=owner_id, job=job, key=key, source=source, quote="Mealie", start=0, end=6, weight=1
    )


class Writes:
    """A stage that writes what it owns in the name that was true when the run began."""

    blocking = True
    reserved = False

    def __init__(self, name: str, job: ResearchJob, go: Callable[[], Any]) -> None:
        self.name = name
        self._job = job
        self._go = go
        self._source = factories.source(name)

    def run(self, context: Any, report: Report) -> Output:
        report("at work")
        self._go()
        with transaction.atomic():
            ResearchJob.objects.select_for_update().get(pk=self._job.pk)
            add_evidence(self._job, self._job.owner_id, self._source)
        report("done")
        return Output({})

    def resume(self, context: Any, output: Any) -> None:
        pass


def test_a_running_job_goes_on_for_the_user(guest: Principal) -> None:
    """The rebind comes while a stage is at work: no event is lost, none and no row stays behind."""
    job = research.ask(guest, Question("a recipe box for families")).job
    working, rebound = threading.Event(), threading.Event()

    def pause() -> None:
        working.set()
        assert rebound.wait(5)

    stages = [Writes("before", job, lambda: None), Writes("during", job, pause), Writes("after", job, int)]
    steps: Pipeline[Any] = Pipeline(stages, lambda context: {"job_id": str(job.pk)})

    def claim() -> Any:
        actors.until_set(working)
        try:
            return attempt("user_grace")
        finally:
            rebound.set()

    finished, answer = actors.in_threads([lambda: runs.execute(job.pk, steps, lambda journal: {}), claim])
    assert finished
    assert answer.rebound
    stream = Stream.objects.get(pk=job.pk)
    assert (stream.owner_id, stream.status) == ("user_grace", "completed")
    events = list(Event.objects.filter(stream=stream).order_by("seq").values_list("seq", "type"))
    assert [seq for seq, _ in events] == list(range(1, stream.last_seq + 1))
    assert [kind for _, kind in events][-2:] == ["result", "done"]
    assert actors.rows_owned_by(guest.id) == {}
    assert actors.rows_owned_by("user_grace")["research.evidence"] == 3


def test_rebinds_in_the_middle_of_a_fast_job(guest: Principal) -> None:
    """Without a pause to help it: the rebind falls where it falls."""
    for round_number in range(5):
        device_id = f"device {round_number}"
        owner = actors.on_device(device_id).principal
        job = research.ask(owner, Question("a recipe box")).job
        stages = [Writes(f"stage {n} of {round_number}", job, lambda: time.sleep(0.004)) for n in range(6)]
        steps: Pipeline[Any] = Pipeline(stages, lambda context: {})

        def run(job: ResearchJob = job, steps: Pipeline[Any] = steps) -> bool:
            return runs.execute(job.pk, steps, lambda journal: {})

        def claim(device_id: str = device_id, pause: float = 0.02 * round_number) -> Any:
            time.sleep(pause)
            return attempt("user_grace", device_id)

        finished, answer = actors.in_threads([run, claim])
        assert finished
        assert answer.rebound
        assert actors.rows_owned_by(owner.id) == {}
        assert Evidence.objects.filter(job=job, owner_id="user_grace").count() == 6


def test_market_research_goes_on_for_the_user(guest: Principal, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real pipeline on real sources: the rebind comes as it is about to store its evidence."""
    importing.store("catalogue", catalogue.records()[300:500])
    indexing.index()
    job = research.ask(guest, Question("a recipe box for families")).job
    persisting, rebound = threading.Event(), threading.Event()

    def run_after_the_rebind(stage: Persist, context: MarketContext, report: Report) -> Output:
        persisting.set()
        assert rebound.wait(10)
        return run(stage, context, report)

    run = Persist.run
    monkeypatch.setattr(Persist, "run", run_after_the_rebind)

    def claim() -> Any:
        assert persisting.wait(60)
        try:
            return attempt("user_grace")
        finally:
            rebound.set()

    _, answer = actors.in_threads([lambda: run_research(str(job.pk)), claim])
    assert answer.rebound
    stream = Stream.objects.get(pk=job.pk)
    assert (stream.owner_id, stream.status) == ("user_grace", "completed")
    assert set(job.evidence.values_list("owner_id", flat=True)) == {"user_grace"}
    assert actors.rows_owned_by(guest.id) == {}
