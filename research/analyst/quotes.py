"""Quotes: how a row proves what it says, and how unproved rows leave an artifact."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal, TypeVar

from research.analyst.documents import Document
from research.schemas import (
    Cell,
    Claim,
    Competitor,
    CounterArgument,
    Feature,
    Gap,
    Landscape,
    Quote,
    Refinement,
    Section,
    Sentence,
    Signal,
)

Role = Literal["support", "complaint", "absence", "nearest"]
Row = TypeVar("Row", Competitor, Feature, Gap, Signal, CounterArgument)

# Ids are derived from content, so this value must never change: stored artifacts refer to them.
NAMESPACE = uuid.UUID("6f1d9c52-0b0e-5f6a-9a53-7c1e2d4b8a10")


def identity(*parts: object) -> str:
    """The id that these parts always get."""
    return str(uuid.uuid5(NAMESPACE, "\x1f".join(map(str, parts))))


def build(document: Document, start: int, end: int, weight: float, role: Role = "support") -> Quote:
    """Quotes `document.text[start:end]`; `weight` is the evidence weight of the source, 0 to 1."""
    return Quote(
        evidence_id=identity("evidence", document.id, start, end),
        source_id=document.id,
        source_name=document.name,
        url=document.url,
        text=document.text[start:end],
        start=start,
        end=end,
        published_on=document.published_on,
        weight=round(min(1.0, max(0.0, weight)), 4),
        role=role,
    )


def verify(quote: Quote, text: str) -> bool:
    """Whether the quoted words stand in `text` exactly where the quote says."""
    return bool(quote.text.strip()) and text[quote.start : quote.end] == quote.text


def distinct(quotes: Iterable[Quote], limit: int) -> list[Quote]:
    """The first `limit` quotes that are not the same place twice."""
    kept: dict[str, Quote] = {}
    for quote in quotes:
        kept.setdefault(quote.evidence_id, quote)
    return list(kept.values())[:limit]


def all_quotes(landscape: Landscape) -> Iterator[Quote]:
    """Every quote of the artifact, repeats included."""
    for row in _rows(landscape):
        yield from row.evidence
    for feature in landscape.features:
        yield from (cell.quote for cell in feature.cells if cell.quote)


def drop_unproved(landscape: Landscape, texts: Mapping[str, str]) -> tuple[Landscape, int]:
    """Removes what the stored sources do not say; returns the rest and how many rows went.

    `texts` maps source ids to their full text; a quote from any other source does not verify.
    A row stays while one of its quotes verifies, without those that do not. A matrix cell
    without proof becomes unknown, and a summary sentence goes when it has no evidence or when
    any of its evidence is gone.
    """
    checked = _Checked(texts)
    players = [
        checked.rows(part) for part in (landscape.incumbents, landscape.emerging, landscape.established)
    ]
    listed = {row.id for rows in players for row in rows}
    against = checked.row(landscape.argument_against) if landscape.argument_against else None
    result = landscape.model_copy(
        update={
            "incumbents": players[0],
            "emerging": players[1],
            "established": players[2],
            "features": [checked.matrix_row(row, listed) for row in checked.rows(landscape.features)],
            "gaps": checked.rows(landscape.gaps),
            "signals": [_unlinked(row, listed) for row in checked.rows(landscape.signals)],
            "argument_against": against,
        }
    )
    known = {quote.evidence_id for quote in all_quotes(result)}
    summary = _proved_sections(landscape.summary, known)
    dropped = len(list(_rows(landscape))) - len(list(_rows(result)))
    refinement = _proved_refinement(landscape.refinement, known)
    return result.model_copy(update={"summary": summary, "refinement": refinement}), dropped


def _rows(landscape: Landscape) -> Iterator[Claim]:
    yield from landscape.incumbents
    yield from landscape.emerging
    yield from landscape.established
    yield from landscape.features
    yield from landscape.gaps
    yield from landscape.signals
    if landscape.argument_against:
        yield landscape.argument_against


class _Checked:
    """Copies of rows that keep only what verifies against the texts."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts

    def proved(self, quote: Quote | None) -> bool:
        return quote is not None and verify(quote, self._texts.get(quote.source_id, ""))

    def row(self, row: Row) -> Row | None:
        evidence = [quote for quote in row.evidence if self.proved(quote)]
        if not evidence:
            return None
        return row if len(evidence) == len(row.evidence) else row.model_copy(update={"evidence": evidence})

    def rows(self, rows: Sequence[Row]) -> list[Row]:
        return [kept for row in rows if (kept := self.row(row)) is not None]

    def matrix_row(self, feature: Feature, listed: set[str]) -> Feature:
        cells = [self._cell(cell) for cell in feature.cells if cell.competitor_id in listed]
        if cells == feature.cells:
            return feature
        return feature.model_copy(update={"cells": cells, "prevalence": prevalence(cells)})

    def _cell(self, cell: Cell) -> Cell:
        if self.proved(cell.quote):
            return cell
        return Cell(competitor_id=cell.competitor_id, state="unknown")


def prevalence(cells: Sequence[Cell]) -> float:
    """Share of the listed products that state the feature, 0 to 1."""
    stated = sum(cell.state == "present" for cell in cells)
    return round(stated / len(cells), 4) if cells else 0.0


def _unlinked(signal: Signal, listed: set[str]) -> Signal:
    """A signal outlives the row of its product, but must not point to nothing."""
    if signal.competitor_id is None or signal.competitor_id in listed:
        return signal
    return signal.model_copy(update={"competitor_id": None})


def _proved_sections(sections: Sequence[Section], known: set[str]) -> list[Section]:
    result = []
    for section in sections:
        sentences = [sentence for sentence in section.sentences if _stands(sentence, known)]
        if sentences:
            result.append(section.model_copy(update={"sentences": sentences}))
    return result


def _proved_refinement(refinement: Refinement | None, known: set[str]) -> Refinement | None:
    if refinement is None or refinement.positioning is None or _stands(refinement.positioning, known):
        return refinement
    return refinement.model_copy(update={"positioning": None})


def _stands(sentence: Sentence, known: set[str]) -> bool:
    return bool(sentence.evidence_ids) and set(sentence.evidence_ids) <= known
