"""Feature deep research: four stages from named features to a blueprint."""

from __future__ import annotations

from typing import Any

from manticscore.pipeline import Pipeline, Stage
from realtime.runs import StreamJournal
from research.corpus.postgres import PostgresCorpus
from research.models import FeatureResearchJob, ResearchJob
from research.pipeline import keeping
from research.pipeline.featurecontext import Asked, FeatureContext
from research.pipeline.stages.feature_analyze import Analyze
from research.pipeline.stages.feature_gather import Gather
from research.pipeline.stages.feature_scope import Scope
from research.pipeline.stages.feature_synthesize import Synthesize

HEAD = ("job_id", "artifact_hash", "artifact_url", "idea", "as_of", "summary", "provenance")


def pipeline() -> Pipeline[FeatureContext]:
    stages: list[Stage[FeatureContext]] = [Scope(), Gather(), Analyze(), Synthesize()]
    return Pipeline(stages, result)


def context(job: FeatureResearchJob, journal: StreamJournal, *, live: bool = True) -> FeatureContext:
    """What a run starts from."""
    corpus = PostgresCorpus()
    known = wordings(job.research)
    return FeatureContext(
        job_id=job.pk,
        idea=job.idea,
        as_of=job.as_of,
        asked=[Asked(**feature, wordings=known.get(feature["id"], ())) for feature in job.features],
        corpus=corpus,
        embed=corpus.embed,
        fenced=journal.fenced,
        live=live,
    )


def wordings(research: ResearchJob | None) -> dict[str, list[str]]:
    """How the products of a market research word its features, by feature id."""
    if research is None or research.artifact is None:
        return {}
    return {feature["id"]: feature["phrases"] for feature in research.artifact["features"]}


def result(context: FeatureContext) -> dict[str, Any]:
    full = {**context.result, "artifact_url": f"/feature-research/{context.job_id}/result"}
    return keeping.result_event(full, head)


def head(artifact: dict[str, Any]) -> dict[str, Any]:
    return {**{name: artifact[name] for name in HEAD}, "blueprint": outline(artifact["blueprint"])}


def outline(blueprint: dict[str, Any]) -> dict[str, Any]:
    """A blueprint in numbers, which have a size that no idea and no name can change."""
    return {
        "build_order": len(blueprint["build_order"]),
        "set_aside": len(blueprint["set_aside"]),
        "mvp": {name: blueprint["mvp"][name] for name in ("min", "likely", "max")},
    }
