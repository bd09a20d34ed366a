"""Rows that a language model takes for wrong.

It may drop some, never most: sources are written by strangers, and one of them may ask for exactly that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from research.analyst.landscape import Analysis
from research.model import answers
from research.model.features import widened
from research.model.notes import Kind, Log
from research.schemas import Competitor, Feature, Signal

if TYPE_CHECKING:
    from research.model.analyze import Base

MAX_SHARE = 1 / 3


def apply(found: Base, analysis: Analysis, proposed: Sequence[answers.Drop], log: Log) -> Analysis:
    """The analysis without the rows that may go and everything that points to them."""
    gone = {
        *allowed("competitor", found.player, len(found.analysis.competitors), proposed, log),
        *allowed("feature", found.feature, len(found.analysis.features), proposed, log),
        *allowed("gap", found.gap, len(found.analysis.gaps), proposed, log),
    }
    log.reject(
        sum(not any(find(drop.id) for find in (found.player, found.feature, found.gap)) for drop in proposed)
    )
    if not gone:
        return analysis
    competitors = [row for row in analysis.competitors if row.id not in gone]
    return analysis.model_copy(
        update={
            "competitors": competitors,
            "features": stated(
                [widened(row, competitors) for row in analysis.features if row.id not in gone], log
            ),
            "gaps": [row for row in analysis.gaps if row.id not in gone],
            "signals": [unlinked(row, gone) for row in analysis.signals],
        }
    )


def allowed(kind: Kind, find: Any, number: int, proposed: Sequence[answers.Drop], log: Log) -> list[str]:
    """Ids of the rows of a kind that go: at most a third, in the order they were named."""
    named = {row.id: (row, drop) for drop in proposed if (row := find(drop.id)) is not None}
    limit = int(number * MAX_SHARE)
    for row, drop in list(named.values())[:limit]:
        log.add("dropped", kind, row.id, row.name if isinstance(row, Competitor) else row.label, drop.reason)
    log.reject(max(0, len(named) - limit))
    return list(named)[:limit]


def stated(features: Sequence[Feature], log: Log) -> list[Feature]:
    """Without those that none of the products that are left has."""
    for row in features:
        if not row.prevalence:
            log.add("dropped", "feature", row.id, row.label, "No product that states it is left.")
    return [row for row in features if row.prevalence]


def unlinked(signal: Signal, gone: set[str]) -> Signal:
    if signal.competitor_id not in gone:
        return signal
    return signal.model_copy(update={"competitor_id": None})
