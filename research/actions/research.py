"""Starting and ending market research."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils import timezone

from accounts import credits
from accounts.models import Principal
from manticscore import errors
from manticscore.lib import ideas
from projects import actions as projects
from realtime import jobs, publish, runs
from realtime.events import ProgressEvent
from realtime.models import Stream
from realtime.topics import Channel
from research import queue
from research.models import Mode, ResearchJob
from research.tasks import run_research

TITLE_LENGTH = 120
WAITING = "Waiting until your other research is done"


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked for. `refresh` wants a new answer even if there is a fresh one.

    Two questions that mean the same are worked on one after the other, whatever their project; one that is
    `apart` is the same as those of its own project only.
    """

    idea: str
    mode: str = Mode.MARKET
    project_id: uuid.UUID | None = None
    refresh: bool = False
    apart: bool = False

    @property
    def dedup_key(self) -> str:
        meaning = ideas.key(self.idea)
        if self.apart:
            meaning = hashlib.sha256(f"{meaning}\0{self.project_id}".encode()).hexdigest()
        return f"{self.mode}:{meaning}"


@dataclass(frozen=True, slots=True)
class Answer:
    """The job that answers a question, and whether it did so before."""

    job: ResearchJob
    is_cached: bool = False


class Identical(errors.Conflict):
    """Identical research request already in progress"""


def ask(owner: Principal, question: Question, *, wait: int = 0) -> Answer:
    """A fresh answer that is there already, or else a new job for the question.

    The job is charged for and created with its stream and its queue entry: all of them, or none. `wait` is
    after how many seconds it may begin.

    Raises NotFound for a project that is not the owner's, Identical while the question is being worked on,
    and TooManyRequests when credits are used up or too much waits already.
    """
    with transaction.atomic():
        if question.project_id is not None:
            projects.hold(owner.pk, question.project_id)
        # What waits for the queue must hold no claim, because who holds the queue may wait for that.
        queue.lock(owner.pk)
        # First the claim, then the look: in between nobody can finish what this would begin again.
        stream = claim(owner, question)
        earlier = None if question.refresh else fresh(owner, question)
        if earlier is not None:
            transaction.set_rollback(True)
            return Answer(earlier, is_cached=True)
        return Answer(begin(stream, question, wait))


def claim(owner: Principal, question: Question) -> Stream:
    """The stream of a new job. The database sees to it that a question has one open stream at a time."""
    try:
        with transaction.atomic():
            return Stream.objects.create(
                id=uuid.uuid4(),
                owner=owner,
                channel=Channel.RESEARCH,
                title=question.idea[:TITLE_LENGTH],
                dedup_key=question.dedup_key,
                project_id=question.project_id,
            )
    except IntegrityError as error:
        raise conflict(error) from None


def conflict(error: IntegrityError) -> Exception:
    """What a constraint that refused an open stream means."""
    return Identical() if "stream_dedup" in str(error) else error


def fresh(owner: Principal, question: Question) -> ResearchJob | None:
    """The newest answer to the same question that is not too old, in the same project if one is named.

    How the job's last run ended does not matter: an answer stands until another takes its place.
    """
    own = ResearchJob.objects.owned_by(owner.pk).select_related("stream").defer("artifact")
    found = own.with_result().filter(
        idea_key=ideas.key(question.idea),
        mode=question.mode,
        answered_at__gt=Now() - timedelta(seconds=settings.RESEARCH_FRESH),
    )
    if question.project_id is not None:
        found = found.filter(project_id=question.project_id)
    return found.order_by("-answered_at").first()


def begin(stream: Stream, question: Question, wait: int) -> ResearchJob:
    stream.refresh_from_db()  # the owner after a rebind, and the database's own times
    queue.lock(stream.owner_id)  # somebody else's, after a rebind
    load = queue.load(stream.owner_id)
    job = ResearchJob.objects.create(
        stream=stream,
        owner_id=stream.owner_id,
        idea=question.idea,
        idea_key=ideas.key(question.idea),
        mode=question.mode,
        project_id=question.project_id,
        as_of=timezone.now().date(),
    )
    enqueue(job, load, wait)
    credits.charge(owner_id=stream.owner_id, action="research", entity_id=stream.pk)
    return job


def enqueue(job: ResearchJob, load: queue.Load, wait: int = 0) -> None:
    """Into the job queue: for now, or to wait. Raises TooManyRequests when too much waits already."""
    job.is_waiting = bool(wait) or not load.has_room
    job.save(update_fields=["is_waiting"])
    if not job.is_waiting:
        jobs.defer(run_research, job.pk)
        return
    if load.is_full:
        raise errors.TooManyRequests(retry_after=wait or queue.LOOK_AGAIN)
    publish.append(job.pk, job.stream.attempt, [ProgressEvent(stage="waiting", message=WAITING)])
    jobs.defer(run_research, job.pk, after=wait or queue.LOOK_AGAIN)
    job.stream.refresh_from_db()


@transaction.atomic
def cancel(job: ResearchJob) -> None:
    """End the job at once; whoever works on it is fenced off. Raises Conflict when it is over."""
    if not runs.abandon(job.pk, errors.Cancelled()):
        raise errors.Conflict("This research is over")
