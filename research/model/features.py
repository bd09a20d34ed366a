"""Features that a language model adds, and proof that it finds for known ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from manticscore.lib.words import stems
from research.analyst import quotes
from research.model import answers
from research.model.notes import Log, row_id
from research.schemas import Cell, Competitor, Feature, Quote

if TYPE_CHECKING:
    from research.model.analyze import Base

MAX_ADDED = 8
MAX_QUOTES = 3
MAX_LABEL_WORDS = 6

Proved = dict[str, tuple[answers.Proof, Quote]]  # by competitor


def apply(
    found: Base, proposed: Sequence[answers.Feature], competitors: Sequence[Competitor], log: Log
) -> tuple[list[Feature], int]:
    """All features, with a cell for each competitor, and how many proposals were proved."""
    rows = {row.id: widened(row, competitors) for row in found.analysis.features}
    added = 0
    proved = 0
    for feature in proposed:
        cells = proofs(found, feature, competitors)
        known = found.feature(feature.id) or by_label(rows, feature.label)
        if not cells:
            log.reject()
        elif known is not None:
            proved += 1
            rows[known.id] = filled(rows[known.id], cells, log)
        elif added < MAX_ADDED and is_sound(feature, cells):
            proved += 1
            added += 1
            row = made(found, feature, cells, competitors)
            rows[row.id] = row
            log.add("added", "feature", row.id, row.label)
        else:
            log.reject()
    return list(rows.values()), proved


def proofs(found: Base, feature: answers.Feature, competitors: Sequence[Competitor]) -> Proved:
    """The first proof for each listed product, taken from its own sources."""
    listed = {row.id for row in competitors}
    cells: Proved = {}
    for proof in feature.proofs:
        quote = found.shown.quote(
            proof.source, proof.quote, "absence" if proof.state == "absent" else "support"
        )
        entity = found.entity_of(quote.source_id) if quote else None
        if quote and entity and entity.id in listed:
            cells.setdefault(entity.id, (proof, quote))
    return cells


def widened(row: Feature, competitors: Sequence[Competitor]) -> Feature:
    """The row with cells for exactly these competitors, in their order."""
    cells = {cell.competitor_id: cell for cell in row.cells}
    order = [row_.id for row_ in competitors]
    if list(cells) == order:
        return row
    wider = [cells.get(id, Cell(competitor_id=id, state="unknown")) for id in order]
    return row.model_copy(update={"cells": wider, "prevalence": quotes.prevalence(wider)})


def filled(row: Feature, proved: Proved, log: Log) -> Feature:
    """The row with what was unknown; what the analyst read in the sources itself stays."""
    cells = [
        cell_of(cell.competitor_id, *proved[cell.competitor_id])
        if cell.state == "unknown" and cell.competitor_id in proved
        else cell
        for cell in row.cells
    ]
    if cells == row.cells:
        return row
    number = sum(new != old for new, old in zip(cells, row.cells, strict=True))
    log.add("changed", "feature", row.id, row.label, f"{number} more cells of the matrix have proof")
    return row.model_copy(update={"cells": cells, "prevalence": quotes.prevalence(cells)})


def cell_of(competitor_id: str, proof: answers.Proof, quote: Quote) -> Cell:
    return Cell(competitor_id=competitor_id, state=proof.state, quote=quote)


def by_label(rows: dict[str, Feature], label: str) -> Feature | None:
    wanted = sorted(stems(label))
    return next((row for row in rows.values() if sorted(stems(row.label)) == wanted), None)


def is_sound(feature: answers.Feature, proved: Proved) -> bool:
    """Some product has it, and some quote shares a word with its label."""
    short = 0 < len(feature.label.split()) <= MAX_LABEL_WORDS
    return (
        short and any(present(proved)) and shares_word(feature.label, [quote for _, quote in proved.values()])
    )


def present(proved: Proved) -> Iterator[Quote]:
    return (quote for proof, quote in proved.values() if proof.state == "present")


def shares_word(label: str, evidence: Sequence[Quote]) -> bool:
    wanted = set(stems(label))
    return any(wanted & set(stems(quote.text)) for quote in evidence)


def made(found: Base, feature: answers.Feature, proved: Proved, competitors: Sequence[Competitor]) -> Feature:
    cells = [
        cell_of(row.id, *proved[row.id]) if row.id in proved else Cell(competitor_id=row.id, state="unknown")
        for row in competitors
    ]
    asked = {stem for facet in found.interpretation.facets for stem in stems(facet.text)}
    prevalence = quotes.prevalence(cells)
    return Feature(
        id=row_id("feature", feature.label),
        label=feature.label,
        phrases=[feature.label],
        score=prevalence,
        prevalence=prevalence,
        in_idea=set(stems(feature.label)) <= asked,
        cells=cells,
        evidence=quotes.distinct(present(proved), MAX_QUOTES),
    )
