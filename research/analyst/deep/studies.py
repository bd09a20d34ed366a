"""From what was found about a feature to what it means for somebody who builds it."""

from __future__ import annotations

from collections.abc import Sequence

from research.analyst import quotes
from research.analyst.deep import archetypes, effort, risks
from research.analyst.deep.archetypes import Archetype
from research.analyst.deep.findings import Findings
from research.schemas_features import EdgeCase, FeatureStudy

NOTHING = (
    "None of the {count} sources that were read speaks of it. Edge cases, risks and effort are those of its"
    " kind, not of this feature."
)
NO_SOURCES = "No source could be read. Edge cases, risks and effort are those of its kind."
UNTOLD_KIND = " No word tells its kind; it is taken for plain records."
ONLY_LIMITS = "No product states it; what was found are limits and complaints."


def study(found: Findings) -> FeatureStudy:
    kinds = archetypes.of(found.feature.archetypes)
    matrix = risks.matrix(found, kinds)
    return FeatureStudy(
        id=found.feature.id,
        name=found.feature.name,
        source=found.feature.source,
        status="evidenced" if found.is_evidenced else "no evidence",
        note=note(found),
        archetypes=found.feature.archetypes,
        sources_read=found.sources_read,
        prevalence=found.prevalence,
        implementations=found.implementations,
        patterns=found.patterns,
        edge_cases=[*found.limits, *by_rule(found, kinds)],
        risk_matrix=matrix,
        open_source=found.open_source,
        effort=effort.estimate(found, kinds, matrix),
    )


def note(found: Findings) -> str:
    text = "" if found.implementations else ONLY_LIMITS
    if not found.is_evidenced:
        text = NOTHING.format(count=found.sources_read) if found.sources_read else NO_SOURCES
    return (text + UNTOLD_KIND * (not found.feature.archetypes)).strip()


def by_rule(found: Findings, kinds: Sequence[Archetype]) -> list[EdgeCase]:
    """What every feature of these kinds meets."""
    return [
        EdgeCase(
            id=quotes.identity("edge case", found.feature.id, kind.key, text),
            basis="rule",
            text=text,
            reason=f"{reason[0].upper()}{reason[1:]}.",
            archetype=kind.key,
            evidence=[],
        )
        for kind in kinds
        for text, reason in kind.edge_cases
    ]
