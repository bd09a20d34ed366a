"""Jobs of this app."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from functools import partial
from uuid import UUID

from django.conf import settings
from django.db import InterfaceError, OperationalError
from procrastinate import JobContext, RetryStrategy
from procrastinate.contrib.django import app

from manticscore.pipeline import Transient
from projects.models import Project
from realtime import jobs, runs
from research import queue, rechecking, seeding
from research.models import FeatureResearchJob, ResearchJob
from research.pipeline import features, market


@app.task(name="research.run", retry=jobs.WHEN_DATABASE_FAILS)
def run_research(stream_id: str) -> None:
    job = ResearchJob.objects.select_related("stream").filter(pk=UUID(stream_id)).first()
    if job is None:  # deleted while it waited
        return
    if not queue.admit(job):
        jobs.defer(run_research, job.pk, after=queue.LOOK_AGAIN)
        return
    runs.execute(job.pk, market.pipeline(), partial(market.context, job))


@app.task(name="research.run_features", retry=jobs.WHEN_DATABASE_FAILS)
def run_feature_research(stream_id: str) -> None:
    job = FeatureResearchJob.objects.select_related("research").filter(pk=UUID(stream_id)).first()
    if job is not None:  # deleted while it waited
        runs.execute(job.pk, features.pipeline(), partial(features.context, job))


@app.task(name="research.recheck_sources", queue=jobs.BACKGROUND)
def recheck_sources(source_ids: list[str]) -> None:
    """Look whether what was quoted from sources of one host is still on their pages.

    What somebody else's request had looked at meanwhile is passed over.
    """
    wanted = [UUID(source_id) for source_id in source_ids]
    for _ in rechecking.recheck(rechecking.due(rechecking.RECENT, len(wanted), rechecking.quoting(wanted))):
        pass


def recheck_by_host(source_ids: Iterable[UUID], asked_by: str = "") -> None:
    """Enqueue the looks: a job for each host, and of all jobs for a host one at a time.

    What `asked_by` names has one such job waiting per host; AlreadyEnqueued says that there is one.
    """
    for host, group in rechecking.by_host(source_ids).items():
        recheck_sources.configure(
            lock=f"pages of {host}",
            queueing_lock=f"{asked_by} {host}" if asked_by else None,
        ).defer(source_ids=[str(source_id) for source_id in group])


@app.periodic(cron="41 4 * * *")
@app.task(name="research.recheck_stale_evidence", queue=jobs.BACKGROUND)
def recheck_stale_evidence(timestamp: int) -> None:
    """Every night the quotes that nobody looked at for longest; none where no page was ever read."""
    recheck_by_host(rechecking.due(timedelta(days=settings.RECHECK_AFTER_DAYS), settings.RECHECK_PER_NIGHT))


# Or when the corpus is indexed anew meanwhile.
WHEN_SEEDING_FAILS = RetryStrategy(
    max_attempts=5, exponential_wait=2, retry_exceptions=(OperationalError, InterfaceError, Transient)
)


@app.task(name="research.seed_project", retry=WHEN_SEEDING_FAILS, pass_context=True)
def seed_project(context: JobContext, project_id: str) -> None:
    project = Project.objects.filter(pk=UUID(project_id)).first()
    if project is None:  # deleted while it waited
        return
    try:
        seeding.seed(project)
    except Exception as error:
        if WHEN_SEEDING_FAILS.get_retry_decision(exception=error, job=context.job) is None:
            seeding.suggest_nothing(project)  # clients wait for the event
        raise
