"""Periodic upkeep."""

from __future__ import annotations

from procrastinate import JobContext
from procrastinate.contrib.django import app

KEEP_JOBS_HOURS = 72


@app.periodic(cron="17 3 * * *")
@app.task(name="realtime.remove_old_jobs", pass_context=True)
async def remove_old_jobs(context: JobContext, timestamp: int) -> None:
    """Jobs that ended three days ago leave the queue's table; their streams stay."""
    await context.app.job_manager.delete_old_jobs(
        nb_hours=KEEP_JOBS_HOURS, include_failed=True, include_cancelled=True, include_aborted=True
    )
