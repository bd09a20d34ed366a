"""Reactions to what other apps report."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.dispatch import receiver

from accounts import credits
from manticscore import errors
from projects.models import Project
from projects.signals import project_created
from realtime import jobs
from realtime.models import Stream
from realtime.runs import StreamJournal
from realtime.signals import stream_completing, stream_failed
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


@receiver(stream_completing)
def go_on_with_features(sender: Any, stream_id: UUID, journal: StreamJournal, **rest: Any) -> None:
    chaining.go_on(stream_id, journal)


@receiver(project_created)
def suggest_what_is_known(sender: Any, project: Project, **rest: Any) -> None:
    seed_project.configure(queue=jobs.BACKGROUND).defer(project_id=str(project.pk))
