"""Jobs of this app."""

from __future__ import annotations

from functools import partial
from uuid import UUID

from procrastinate.contrib.django import app

from realtime import jobs, runs
from research.models import ResearchJob
from research.pipeline import market


@app.task(name="research.run", retry=jobs.WHEN_DATABASE_FAILS)
def run_research(stream_id: str) -> None:
    job = ResearchJob.objects.filter(pk=UUID(stream_id)).first()
    if job is not None:  # deleted while it waited
        runs.execute(job.pk, market.pipeline(), partial(market.context, job))
