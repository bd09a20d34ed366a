"""Starting market research."""

from __future__ import annotations

import uuid

from django.db import transaction
from django.utils import timezone

from accounts.models import Principal
from realtime import jobs
from realtime.models import Stream
from realtime.topics import Channel
from research.models import ResearchJob
from research.tasks import run_research

TITLE_LENGTH = 120


@transaction.atomic
def start(*, owner: Principal, idea: str, mode: str, project_id: uuid.UUID | None = None) -> ResearchJob:
    """Create the job, its stream and its queue entry: all of them, or none."""
    stream = Stream.objects.create(
        id=uuid.uuid4(),
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
