"""Market research: six stages from an idea to a landscape."""

from __future__ import annotations

import json
from typing import Any

from manticscore.pipeline import Pipeline, Stage
from realtime.runs import StreamJournal
from research import spaces
from research.corpus import PostgresCorpus
from research.models import ResearchJob
from research.pipeline.context import MarketContext
from research.pipeline.stages.analyze import Analyze
from research.pipeline.stages.interpret import Interpret
from research.pipeline.stages.judge import Judge
from research.pipeline.stages.persist import Persist
from research.pipeline.stages.search import Search
from research.pipeline.stages.synthesize import Synthesize

MAX_RESULT_BYTES = 200 * 1024  # leaves room in an event for its envelope


def pipeline() -> Pipeline[MarketContext]:
    stages: list[Stage[MarketContext]] = [Interpret(), Search(), Judge(), Analyze(), Synthesize(), Persist()]
    return Pipeline(stages, result)


def context(job: ResearchJob, journal: StreamJournal) -> MarketContext:
    corpus = PostgresCorpus()
    return MarketContext(
        job_id=job.pk,
        idea=job.idea,
        as_of=job.as_of,
        corpus=corpus,
        embed=spaces.embedder(corpus.space),
        fenced=journal.fenced,
    )


def result(context: MarketContext) -> dict[str, Any]:
    """The `result` event: the artifact, or for a very large one its head and where to get the rest."""
    full = {**context.result, "artifact_url": f"/research/{context.job_id}"}
    if len(json.dumps(full, ensure_ascii=False).encode()) <= MAX_RESULT_BYTES:
        return full
    head = ("job_id", "artifact_hash", "artifact_url", "idea", "as_of", "summary", "quality", "provenance")
    return {"complete": False, **{name: full[name] for name in head}}
