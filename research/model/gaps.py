"""White space that a language model reads out of complaints and denials.

It is weighed as the analyst's is, and stays unverified: nobody has looked at the rest of the market for it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from manticscore.lib.words import stems
from research.analyst import quotes
from research.analyst.gaps import COMPLAINT_SHARE, CONFIDENCE_SCALE, IDEA_SHARE, MAX_TO_READ, MIN_CONFIDENCE
from research.model import answers
from research.model.features import by_label, shares_word
from research.model.notes import MAX_REASON, Log, row_id
from research.schemas import Competitor, Feature, Gap, Page, Quote

if TYPE_CHECKING:
    from research.model.analyze import Base

MAX_ADDED = 4
MAX_QUOTES = 3
MAX_LABEL_WORDS = 7
JUST_BELOW = 0.01


def apply(
    found: Base,
    proposed: Sequence[answers.Gap],
    competitors: Sequence[Competitor],
    features: Sequence[Feature],
    log: Log,
) -> list[Gap]:
    """The analyst's gaps, and behind them the new ones, the largest opportunity first."""
    known = {frozenset(stems(row.label)) for row in found.analysis.gaps}
    added: dict[str, Gap] = {}
    for gap in proposed:
        evidence = proofs(found, gap)
        usable = (
            bool(evidence) and len(gap.label.split()) <= MAX_LABEL_WORDS and shares_word(gap.label, evidence)
        )
        if not usable or frozenset(stems(gap.label)) in known or len(added) >= MAX_ADDED:
            log.reject()
            continue
        row = weighed(found, gap, evidence, competitors, features)
        added[row.id] = row
        known.add(frozenset(stems(gap.label)))
        log.add("added", "gap", row.id, row.label, gap.reason)
    return [*found.analysis.gaps, *sorted(added.values(), key=lambda row: (-row.opportunity, row.id))]


def proofs(found: Base, gap: answers.Gap) -> list[Quote]:
    cited = (found.shown.quote(one.source, one.quote, "complaint") for one in gap.quotes)
    return quotes.distinct((quote for quote in cited if quote), MAX_QUOTES)


def weighed(
    found: Base,
    gap: answers.Gap,
    evidence: list[Quote],
    competitors: Sequence[Competitor],
    features: Sequence[Feature],
) -> Gap:
    """Supply from the feature of that name, demand from the idea and from who complains."""
    same = by_label({row.id: row for row in features}, gap.label)
    holders = sum(cell.state == "present" for cell in same.cells) if same else 0
    unhappy = len({quote.source_id for quote in evidence})
    demand = IDEA_SHARE * asked_for(found, gap.label) + COMPLAINT_SHARE * unhappy / (unhappy + holders + 1)
    supply = (holders + 0.5) / (len(competitors) + 1)
    confidence = min(MIN_CONFIDENCE - JUST_BELOW, 1 - math.exp(-unhappy / CONFIDENCE_SCALE))
    return Gap(
        id=row_id("gap", gap.label),
        label=gap.label,
        status="unverified",
        opportunity=round(demand + max(0.0, demand - supply), 4),
        demand=round(demand, 4),
        supply=round(supply, 4),
        confidence=round(confidence, 4),
        reasons=[gap.reason[:MAX_REASON] or "Sources complain of it."],
        to_read=[Page(name=row.name, url=row.url) for row in competitors if row.url][:MAX_TO_READ],
        evidence=evidence,
    )


def asked_for(found: Base, label: str) -> float:
    """The weight of the heaviest facet that shares a word with the label, the idea's heaviest being 1."""
    facets = found.interpretation.facets
    top = max((facet.weight for facet in facets), default=1.0) or 1.0
    wanted = set(stems(label))
    return max((facet.weight / top for facet in facets if wanted & set(stems(facet.text))), default=0.0)
