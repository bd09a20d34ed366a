"""Who else sees a piece of research."""

from __future__ import annotations

from django.db import transaction

from manticscore import errors
from projects import actions as projects
from projects import clips, search
from projects.models import Clip
from research.models import ResearchJob
from research.results import snapshots

UNFINISHED = "This research is not completed"


def completed(job: ResearchJob) -> ResearchJob:
    """The job itself. Raises Conflict when it has no result."""
    if not job.has_result:
        raise errors.Conflict(UNFINISHED)
    return job


def share(job: ResearchJob) -> Clip:
    """A page for whoever has its link; shared again, it shows what the research says now."""
    return clips.share(completed(job).stream, "research", snapshots.snapshot(job))


def unshare(job: ResearchJob) -> None:
    clips.unshare(job.stream)


@transaction.atomic
def set_visibility(job: ResearchJob, *, is_public: bool) -> ResearchJob:
    """Let everybody's searches find the idea, or end that; the job as it is then.

    Raises NotFound when it was deleted meanwhile, and Conflict when there is no result to be shown.
    """
    job = held(job)
    if not is_public:
        search.remove(job.pk)
    else:
        artifact = completed(job).artifact or {}
        categories = artifact["interpretation"]["categories"] if "interpretation" in artifact else []
        search.put(
            job.pk,
            owner_id=job.owner_id,
            idea=job.idea,
            text=job.idea,
            category=categories[0]["slug"] if categories else None,
            is_public=True,
            project_id=job.project_id,
        )
    job.is_public = is_public
    job.save(update_fields=["is_public"])
    return job


def held(job: ResearchJob) -> ResearchJob:
    """The job as it is now, which nobody deletes before the transaction ends. Raises NotFound.

    Its project comes first, because a deletion takes them in that order.
    """
    if job.project_id is not None:
        projects.hold(job.owner_id, job.project_id)
    rows = ResearchJob.objects.owned_by(job.owner_id).select_related("stream")
    found = rows.select_for_update(of=("self",), no_key=True).filter(pk=job.pk).first()
    if found is None:
        raise errors.NotFound()
    return found
