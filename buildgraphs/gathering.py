"""Reading the research that a graph stands on."""

from __future__ import annotations

from typing import Any

from buildgraphs import findings, readiness
from buildgraphs.models import BuildGraph
from buildgraphs.schemas import Material
from research.models import FeatureResearchJob, ResearchJob


def markets(graph: BuildGraph) -> list[ResearchJob]:
    """The linked market research that has a result, newest first."""
    return list(graph.research.with_result().order_by("-created_at", "pk"))


def studies(graph: BuildGraph) -> list[FeatureResearchJob]:
    deep = graph.feature_research
    return [deep] if deep is not None and deep.artifact else []


def material(graph: BuildGraph) -> Material:
    """What the graph's plan is made from, by the research as it is now."""
    return findings.material(
        graph.idea,
        graph.features,
        [(str(job.pk), job.artifact or {}) for job in markets(graph)],
        [(str(job.pk), job.artifact or {}) for job in studies(graph)],
    )


def ready_features(
    research: ResearchJob | None, deep: FeatureResearchJob | None, phase: int | None
) -> list[dict[str, Any]]:
    """What research says can be built, of one phase or of all."""
    artifact = research.artifact if research else None
    found = readiness.build_readiness(artifact, deep.artifact if deep else None)
    return readiness.selected(found, phase)
