"""Periodic upkeep."""

from __future__ import annotations

from procrastinate import JobContext
from procrastinate.contrib.django import app

from realtime import pruning
from realtime.jobs import BACKGROUND

KEEP_JOBS_HOURS = 72


@app.periodic(cron="17 3 * * *")
@app.task(name="realtime.remove_old_jobs", pass_context=True)
async def remove_old_jobs(context: JobContext, timestamp: int) -> None:
    """Jobs that ended three days ago leave the queue's table; their streams stay."""
    await context.app.job_manager.delete_old_jobs(
        nb_hours=KEEP_JOBS_HOURS, include_failed=True, include_cancelled=True, include_aborted=True
    )


@app.periodic(cron="41 3 * * *")
@app.task(name="realtime.prune_events", queue=BACKGROUND, pass_context=True)
def prune_events(context: JobContext, timestamp: int) -> None:
    """Old streams shrink to their outcome. A worker that stops leaves the rest to the next night."""
    pruning.prune_by_setting(context.should_abort)
