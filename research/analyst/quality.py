"""How far a finished landscape can be trusted, from 0 to 100, with its parts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from research.schemas import Quality, QualityPart

PartName = Literal["grounding", "coverage", "independence", "freshness", "agreement", "understanding"]

WEIGHTS: dict[PartName, float] = {
    "grounding": 0.25,
    "coverage": 0.20,
    "independence": 0.15,
    "freshness": 0.15,
    "agreement": 0.15,
    "understanding": 0.10,
}
ENOUGH_EVIDENCE = 2
MIN_SOURCES = 8
MIN_DOMAINS = 4
MAX_CORPUS_AGE_DAYS = 180
FEW_SOURCES_CAP = 60.0
MIN_FITTING = 3
OUTSIDE_CAP = 40.0
DEGRADED_CAP = 70.0
OLD_CORPUS_CAP = 75.0


@dataclass(frozen=True, slots=True)
class Row:
    """A claim of the artifact: whether its quotes hold, and the domain of each quoted source."""

    has_valid_quote: bool
    domains: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FacetEvidence:
    """The weight of a facet and how many pieces of evidence speak of it."""

    weight: float
    count: int


@dataclass(frozen=True, slots=True)
class Source:
    """A document the artifact rests on, with its evidence weight and freshness (0 to 1)."""

    domain: str
    weight: float
    freshness: float


def grounding(rows: Sequence[Row]) -> float:
    """Share of rows with a valid quote."""
    return sum(row.has_valid_quote for row in rows) / len(rows) if rows else 0.0


def coverage(facets: Sequence[FacetEvidence]) -> float:
    """Share of facet weight with at least two pieces of evidence."""
    total = sum(facet.weight for facet in facets)
    covered = sum(facet.weight for facet in facets if facet.count >= ENOUGH_EVIDENCE)
    return covered / total if total > 0 else 0.0


def independence(sources: Sequence[Source]) -> float:
    """1 - the Herfindahl index of domains: 0 when all sources share one domain."""
    counts = Counter(source.domain for source in sources)
    return 1 - sum((count / len(sources)) ** 2 for count in counts.values()) if sources else 0.0


def freshness(sources: Sequence[Source]) -> float:
    """Mean freshness, each source counted by its weight."""
    total = sum(source.weight for source in sources)
    return sum(source.weight * source.freshness for source in sources) / total if total > 0 else 0.0


def agreement(rows: Sequence[Row]) -> float:
    """Share of rows that at least two domains support."""
    agreed = sum(len(set(row.domains)) >= ENOUGH_EVIDENCE for row in rows)
    return agreed / len(rows) if rows else 0.0


def caps(
    sources: Sequence[Source],
    degraded_stages: Sequence[str],
    corpus_age_days: int | None,
    fitting: int | None = None,
) -> list[tuple[float, str]]:
    """The ceilings that apply, each with its reason.

    `fitting` counts the listed products that have the core of the idea; it and the age of the
    corpus set no ceiling when unknown.
    """
    found: list[tuple[float, str]] = []
    if fitting is not None and fitting < MIN_FITTING:
        found.append((OUTSIDE_CAP, f"fewer than {MIN_FITTING} products fit the idea"))
    if len(sources) < MIN_SOURCES:
        found.append((FEW_SOURCES_CAP, f"fewer than {MIN_SOURCES} sources"))
    if len({source.domain for source in sources}) < MIN_DOMAINS:
        found.append((FEW_SOURCES_CAP, f"fewer than {MIN_DOMAINS} domains"))
    if degraded_stages:
        found.append((DEGRADED_CAP, f"degraded: {', '.join(sorted(set(degraded_stages)))}"))
    if corpus_age_days is not None and corpus_age_days > MAX_CORPUS_AGE_DAYS:
        found.append((OLD_CORPUS_CAP, f"corpus older than {MAX_CORPUS_AGE_DAYS} days"))
    return found


def _parts(values: dict[PartName, float]) -> list[QualityPart]:
    return [
        QualityPart(name=name, value=round(min(1.0, max(0.0, values[name])), 4), weight=weight)
        for name, weight in WEIGHTS.items()
    ]


def score(
    *,
    rows: Sequence[Row],
    facets: Sequence[FacetEvidence],
    sources: Sequence[Source],
    understanding: float,
    degraded_stages: Sequence[str] = (),
    corpus_age_days: int | None = None,
    fitting: int | None = None,
) -> Quality:
    """The weighted parts on a scale of 100, under the lowest ceiling that applies.

    Every ceiling whose condition holds is named in `caps`, also when the score was lower anyway.
    """
    parts = _parts(
        {
            "grounding": grounding(rows),
            "coverage": coverage(facets),
            "independence": independence(sources),
            "freshness": freshness(sources),
            "agreement": agreement(rows),
            "understanding": understanding,
        }
    )
    ceilings = caps(sources, degraded_stages, corpus_age_days, fitting)
    uncapped = 100 * sum(part.weight * part.value for part in parts)
    capped = min([uncapped, *(ceiling for ceiling, _ in ceilings)])
    return Quality(score=round(capped, 1), parts=parts, caps=[reason for _, reason in ceilings])
