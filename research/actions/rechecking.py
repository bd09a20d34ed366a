"""Looking again, when asked to, whether the quotes of a finished job still stand at their sources."""

from __future__ import annotations

from django.conf import settings
from django.db import transaction
from procrastinate.contrib.django.models import ProcrastinateJob

from manticscore import errors
from research import rechecking
from research.models import FeatureResearchJob, ResearchJob
from research.tasks import recheck_by_host, recheck_sources

NO_RESULT = "There is no result whose evidence could be checked"
UNFINISHED = ("todo", "doing")


class UnderWay(errors.Conflict):
    """The evidence is being checked already"""


@transaction.atomic
def start(job: ResearchJob | FeatureResearchJob) -> int:
    """Have the pages behind a job's evidence looked at again; returns how many.

    At most as many as in a night, the longest unseen first. Those that were looked at a short while ago are
    left out, and so is what was never read from a page. Raises NotFound when the job was deleted meanwhile,
    Conflict without a result, and UnderWay until an earlier request has been dealt with.
    """
    hold(job)
    if job.artifact is None:
        raise errors.Conflict(NO_RESULT)
    if is_under_way(job):
        raise UnderWay()
    sources = rechecking.due(rechecking.RECENT, settings.RECHECK_PER_NIGHT, [job.evidence.all()])
    recheck_by_host(sources, asked_by(job))
    return len(sources)


def hold(job: ResearchJob | FeatureResearchJob) -> None:
    """Until the transaction ends nobody else decides about this job's evidence."""
    row = type(job)._default_manager.filter(pk=job.pk).select_for_update(no_key=True)
    if row.values_list("pk").first() is None:
        raise errors.NotFound()


def is_under_way(job: ResearchJob | FeatureResearchJob) -> bool:
    looks = ProcrastinateJob.objects.filter(task_name=recheck_sources.name, status__in=UNFINISHED)
    return looks.filter(queueing_lock__startswith=f"{asked_by(job)} ").exists()


def asked_by(job: ResearchJob | FeatureResearchJob) -> str:
    return f"recheck {job.pk}"
