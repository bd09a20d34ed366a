"""Market research: six stages from an idea to a landscape."""

from __future__ import annotations

from typing import Any

from manticscore.pipeline import Pipeline, Stage
from realtime.runs import StreamJournal
from research.corpus.postgres import PostgresCorpus
from research.model import assistant
from research.models import ResearchJob
from research.pipeline import keeping
from research.pipeline.context import MarketContext
from research.pipeline.refined import analyze_stage, interpret_stage, judge_stage, synthesize_stage
from research.pipeline.stages.persist import Persist
from research.pipeline.stages.search import Search

HEAD = ("job_id", "artifact_hash", "artifact_url", "idea", "as_of", "summary", "quality", "provenance")


def pipeline() -> Pipeline[MarketContext]:
    stages: list[Stage[MarketContext]] = [
        interpret_stage(),
        Search(),
        judge_stage(),
        analyze_stage(),
        synthesize_stage(),
        Persist(),
    ]
    return Pipeline(stages, result)


def context(
    job: ResearchJob, journal: StreamJournal, *, refined: bool = True, live: bool = True
) -> MarketContext:
    """What a run starts from.

    With `refined` a language model takes part where its owner has one, with `live` the web where a source
    for it is configured.
    """
    corpus = PostgresCorpus()
    return MarketContext(
        job_id=job.pk,
        idea=job.idea,
        as_of=job.as_of,
        corpus=corpus,
        embed=corpus.embed,
        fenced=journal.fenced,
        assistant=assistant.for_run(job.owner_id, job.pk) if refined else None,
        live=live,
    )


def result(context: MarketContext) -> dict[str, Any]:
    full = {**context.result, "artifact_url": f"/research/{context.job_id}"}
    return keeping.result_event(full, head)


def head(artifact: dict[str, Any]) -> dict[str, Any]:
    return {**{name: artifact[name] for name in HEAD}, **told_of_model(artifact)}


def told_of_model(artifact: dict[str, Any]) -> dict[str, Any]:
    """Who refined the artifact and what it cost, without the rows."""
    if "refinement" not in artifact:
        return {}
    return {"refinement": {**artifact["refinement"], "rows": [], "calls": []}}
