"""Reactions to what other apps report."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.dispatch import receiver

from accounts import credits, spending
from manticscore import errors
from projects.models import Project
from projects.signals import project_created, project_deleted
from realtime import jobs
from realtime.models import Stream
from realtime.runs import StreamJournal
from realtime.signals import stream_completing, stream_failed
from research import queue
from research.actions import chaining
from research.models import ResearchJob
from research.tasks import seed_project

# Failures that are not the user's. An idea that is empty, or so vague that nothing is found, is.
REFUNDED = {
    errors.InternalError.code,
    errors.WorkerCrashed.code,
    errors.BudgetExceeded.code,
    errors.ModelEmptyDespiteEvidence.code,
}


@receiver(stream_failed)
def give_credits_back(sender: Any, stream_id: UUID, code: str, **rest: Any) -> None:
    """Unless the result is there: making a part of it anew may fail, what was paid for stays."""
    if ResearchJob.objects.with_result().filter(pk=stream_id).exists():
        return
    if code in REFUNDED or (code == errors.Cancelled.code and not has_started(stream_id)):
        credits.refund(entity_id=stream_id, reason=code)


def has_started(stream_id: UUID) -> bool:
    """Whether any stage began, in this run or in one before it."""
    return Stream.objects.filter(id=stream_id).exclude(stage="").exists()


@receiver([stream_completing, stream_failed])
def make_room(sender: Any, stream_id: UUID, **rest: Any) -> None:
    """However a piece of research ends, also with its project or its worker."""
    if ResearchJob.objects.filter(pk=stream_id).exists():
        queue.wake(stream_id)


@receiver(stream_completing)
def go_on_with_features(sender: Any, stream_id: UUID, journal: StreamJournal, **rest: Any) -> None:
    chaining.go_on(stream_id, journal)


@receiver(project_created)
def suggest_what_is_known(sender: Any, project: Project, **rest: Any) -> None:
    seed_project.configure(queue=jobs.BACKGROUND).defer(project_id=str(project.pk))


@receiver(project_deleted)
def forget_answers(sender: Any, project: Project, **rest: Any) -> None:
    """What models answered to its runs, which a run that failed has kept. What they cost stays."""
    runs = Stream.objects.filter(project_id=project.pk)
    spending.forget_all(runs.values_list("pk", flat=True))
