"""Starting market research."""

from __future__ import annotations

import uuid

from django.db import transaction
from django.utils import timezone

from accounts import credits
from accounts.models import Principal
from manticscore import errors
from realtime import jobs
from realtime.models import Stream
from realtime.topics import Channel
from research.models import ResearchJob
from research.tasks import run_research

TITLE_LENGTH = 120


@transaction.atomic
def start(*, owner: Principal, idea: str, mode: str, project_id: uuid.UUID | None = None) -> ResearchJob:
    """Charge for the job and create it, its stream and its queue entry: all of them, or none.

    Raises NotFound for a project that is not the owner's, because the job's events are numbered in its
    stream too, and TooManyRequests when the owner's credits are used up.
    """
    if project_id is not None and not owns_project(owner, project_id):
        raise errors.NotFound()
    job_id = uuid.uuid4()
    credits.charge(owner_id=owner.id, action="research", entity_id=job_id)
    stream = Stream.objects.create(
        id=job_id,
        owner=owner,
        channel=Channel.RESEARCH,
        title=idea[:TITLE_LENGTH],
        project_id=project_id,
    )
    job = ResearchJob.objects.create(
        stream=stream, owner=owner, idea=idea, mode=mode, project_id=project_id, as_of=timezone.now().date()
    )
    jobs.defer(run_research, stream.id)
    stream.refresh_from_db()  # the database's own times
    return job


def owns_project(owner: Principal, project_id: uuid.UUID) -> bool:
    return Stream.objects.owned_by(owner.pk).filter(id=project_id, channel=Channel.PROJECT).exists()
