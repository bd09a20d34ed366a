"""Starting and ending feature deep research."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts import credits
from manticscore import errors
from manticscore.lib import ideas
from projects import actions as projects
from realtime import jobs, runs
from realtime.models import Stream
from realtime.topics import Channel
from research.models import FeatureResearchJob, ResearchJob
from research.tasks import run_feature_research

ACTION = "feature_research"
TITLE_LENGTH = 120

Feature = dict[str, str]


class Identical(errors.Conflict):
    """Identical feature research request already in progress"""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked for: features of an idea, and the market research they come from, if from any."""

    idea: str
    features: Sequence[Feature]
    project_id: uuid.UUID | None = None
    research: ResearchJob | None = None
    is_chained: bool = False

    @property
    def dedup_key(self) -> str:
        """Equal for questions that mean the same, whatever the order of the features."""
        names = sorted(ideas.key(feature["name"]) for feature in self.features)
        sources = (self.project_id, self.research.pk if self.research else None)
        parts = [ideas.key(self.idea), *names, *map(str, sources)]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

    @property
    def title(self) -> str:
        return ", ".join(feature["name"] for feature in self.features)[:TITLE_LENGTH]


@transaction.atomic
def start(owner_id: str, question: Question) -> FeatureResearchJob:
    """Create the job with its stream and its queue entry, and charge for it: all of that, or nothing.

    Raises NotFound for a project that is not the owner's, Identical while the same is being worked on, and
    TooManyRequests when credits are used up.
    """
    if question.project_id is not None:
        projects.hold(owner_id, question.project_id)
    stream = claim(owner_id, question)
    stream.refresh_from_db()  # the owner after a rebind, and the database's own times
    job = FeatureResearchJob.objects.create(
        stream=stream,
        owner_id=stream.owner_id,
        idea=question.idea,
        features=list(question.features),
        project_id=question.project_id,
        research=question.research,
        is_chained=question.is_chained,
        as_of=timezone.now().date(),
    )
    jobs.defer(run_feature_research, stream.pk)
    credits.charge(owner_id=stream.owner_id, action=ACTION, entity_id=stream.pk)
    return job


def claim(owner_id: str, question: Question) -> Stream:
    """The stream of a new job. The database sees to it that a question has one open stream at a time."""
    try:
        with transaction.atomic():
            return Stream.objects.create(
                id=uuid.uuid4(),
                owner_id=owner_id,
                channel=Channel.FEATURE_RESEARCH,
                title=question.title,
                dedup_key=question.dedup_key,
                project_id=question.project_id,
            )
    except IntegrityError as error:
        if "stream_dedup" in str(error):
            raise Identical() from None
        raise


@transaction.atomic
def cancel(job: FeatureResearchJob) -> None:
    """End the job at once; whoever works on it is fenced off. Raises Conflict when it is over."""
    if not runs.abandon(job.pk, errors.Cancelled()):
        raise errors.Conflict("This feature research is over")
