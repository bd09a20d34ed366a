"""Analyze, refined: players, features and gaps, each with sentences that stand in the sources."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from manticscore import errors as run_errors
from research.analyst import players as market
from research.analyst.landscape import Analysis
from research.analyst.players import Entity
from research.model import answers, features, gaps, players, removals
from research.model.assistant import Assistant, Question
from research.model.notes import Log, StageNotes
from research.model.sources import Shown
from research.pipeline.context import MarketContext
from research.schemas import Competitor, Feature, Gap, Interpretation

MAX_TOKENS = 8_000
MAX_SOURCES = 30


@dataclass(frozen=True, slots=True)
class Base:
    """What the model is shown and what its answer is applied to. Given rows are numbered p1, f1, g1."""

    shown: Shown
    entities: dict[str, Entity]
    standings: dict[str, market.Standing]
    interpretation: Interpretation
    analysis: Analysis

    def player(self, ref: str) -> Competitor | None:
        return numbered("p", self.analysis.competitors).get(ref)

    def feature(self, ref: str) -> Feature | None:
        return numbered("f", self.analysis.features).get(ref)

    def gap(self, ref: str) -> Gap | None:
        return numbered("g", self.analysis.gaps).get(ref)

    def entity_of(self, source_id: str) -> Entity | None:
        """The product that a source is about."""
        return self.entities.get(source_id)


def numbered(letter: str, rows: list[Any]) -> dict[str, Any]:
    return {f"{letter}{number}": row for number, row in enumerate(rows, 1)}


def base(context: MarketContext, analysis: Analysis) -> Base:
    judged = sorted(
        (item for item in context.judged() if item[1].kept), key=lambda item: (-item[1].weight, item[0].id)
    )
    shown = Shown(judged, MAX_SOURCES)
    merged = market.scoped(market.merge(judged), context.understood.categories)
    entities = {document.id: entity for entity in merged for document, _ in entity.sources}
    standings = market.standings(merged, context.as_of) if merged else {}
    return Base(shown, entities, standings, context.understood, analysis)


def refine(context: MarketContext, assistant: Assistant) -> tuple[Analysis, StageNotes]:
    """The analysis as the model leaves it.

    Raises LlmError, and ModelEmptyDespiteEvidence when two answers in a row hold neither a player nor a
    feature that the sources prove.
    """
    assert context.analysis is not None
    found = base(context, context.analysis)
    question = Question("analyze", "analyze", material(context, found), answers.Analysis, MAX_TOKENS)
    accepted = assistant.ask(question, lambda answer, unread: accept(found, answer, unread))
    if accepted is None:
        raise run_errors.ModelEmptyDespiteEvidence(evidence_count=len(found.shown))
    analysis, log = accepted
    return analysis, StageNotes(stage="analyze", rows=log.rows, rejected=log.rejected)


def material(context: MarketContext, found: Base) -> dict[str, Any]:
    given = found.analysis
    return {
        "idea": context.idea,
        "asks_for": [facet.text for facet in found.interpretation.facets],
        "players": [
            {"id": ref, "name": row.name, "stage": row.stage}
            for ref, row in numbered("p", given.competitors).items()
        ],
        "features": [
            {"id": ref, "label": row.label, "stated_by": sum(cell.state == "present" for cell in row.cells)}
            for ref, row in numbered("f", given.features).items()
        ],
        "gaps": [{"id": ref, "label": row.label} for ref, row in numbered("g", given.gaps).items()],
        "sources": found.shown.material(),
    }


def accept(found: Base, answer: answers.Analysis, unread: int) -> tuple[Analysis, Log] | None:
    """None when the answer holds no player and no feature with proof."""
    log = Log(rejected=unread)
    competitors, proved_players = players.apply(found, answer.players, log)
    rows, proved_features = features.apply(found, answer.features, competitors, log)
    if not proved_players and not proved_features:
        return None
    white_space = gaps.apply(found, answer.gaps, competitors, rows, log)
    changed = found.analysis.model_copy(
        update={"competitors": competitors, "features": rows, "gaps": white_space}
    )
    return removals.apply(found, changed, answer.dropped, log), log
