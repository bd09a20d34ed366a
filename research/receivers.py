"""Reactions to what other apps report."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.dispatch import receiver

from accounts import spending
from projects.models import Project
from projects.signals import project_created, project_deleted
from realtime import jobs, refunds
from realtime.models import Stream
from realtime.runs import StreamJournal
from realtime.signals import stream_completing, stream_failed
from realtime.topics import Channel
from research import queue
from research.actions import chaining
from research.models import ResearchJob
from research.tasks import seed_project

RESEARCH = (Channel.RESEARCH, Channel.FEATURE_RESEARCH)


@receiver(stream_failed)
def give_credits_back(sender: Any, stream_id: UUID, code: str, **rest: Any) -> None:
    """Unless the result is there: making a part of it anew may fail, what was paid for stays."""
    is_ours = Stream.objects.filter(pk=stream_id, channel__in=RESEARCH).exists()
    if is_ours and not ResearchJob.objects.with_result().filter(pk=stream_id).exists():
        refunds.give_back(stream_id, code)


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
