"""Jobs of this app."""

from __future__ import annotations

import math
from functools import partial
from uuid import UUID

from procrastinate.contrib.django import app

from buildgraphs import expanding, generation
from buildgraphs.models import BuildGraph
from realtime import jobs, runs


@app.task(name="buildgraphs.work", retry=jobs.WHEN_DATABASE_FAILS)
def work(stream_id: str) -> None:
    """Whatever there is to do for a graph: its plan, or expansions once it is ready."""
    graph = BuildGraph.objects.filter(pk=UUID(stream_id)).first()
    if graph is None:  # deleted while it waited
        return
    if graph.ready_at is not None:
        rest = expanding.work(graph)
        if rest is not None and not jobs.is_enqueued(graph.pk):
            jobs.defer(work, graph.pk, after=math.ceil(rest), priority=jobs.BEHIND)
        return
    start = partial(generation.context, graph)
    runs.execute(graph.pk, generation.pipeline(), start, take=generation.take)
