"""Removes from findings what the stored sources do not say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

from research.analyst.deep.findings import Findings
from research.analyst.deep.limits import complaints
from research.analyst.quotes import verify
from research.schemas import Claim, Quote
from research.schemas_features import EdgeCase, Implementation, OpenSourceOption, Pattern

Row = TypeVar("Row", Implementation, Pattern, EdgeCase, OpenSourceOption)


def all_rows(found: Findings) -> Iterator[Claim]:
    yield from found.implementations
    yield from found.patterns
    yield from found.limits
    yield from found.open_source


def all_quotes(found: Findings) -> Iterator[Quote]:
    for row in all_rows(found):
        yield from row.evidence


def prove(found: Findings, texts: Mapping[str, str]) -> tuple[Findings, int]:
    """The findings with the quotes that verify against the sources' texts, and how many rows went.

    A pattern stands on implementations: it loses the products that lost theirs, and needs two.
    """
    shown = [row for row in kept(found.implementations, texts) if row.how in row.evidence[0].text]
    limits = kept(found.limits, texts)
    lost = len([row for row in found.implementations if row.in_market]) - len(
        [r for r in shown if r.in_market]
    )
    proved = found.model_copy(
        update={
            "implementations": shown,
            "patterns": standing(kept(found.patterns, texts), shown),
            "limits": limits,
            "open_source": kept(found.open_source, texts),
            "complaints": complaints(limits),
            "market_holders": max(0, found.market_holders - lost),
        }
    )
    return proved, len(list(all_rows(found))) - len(list(all_rows(proved)))


def kept(rows: Sequence[Row], texts: Mapping[str, str]) -> list[Row]:
    """Rows with at least one quote that stands in its source, without the others."""
    result = []
    for row in rows:
        evidence = [quote for quote in row.evidence if verify(quote, texts.get(quote.source_id, ""))]
        if evidence:
            result.append(row if evidence == row.evidence else row.model_copy(update={"evidence": evidence}))
    return result


def standing(rows: Sequence[Pattern], shown: Sequence[Implementation]) -> list[Pattern]:
    known = {row.product for row in shown}
    result = []
    for row in rows:
        products = [product for product in row.products if product in known]
        if len(products) >= 2:
            share = round(len(products) / len(known), 4)
            result.append(row.model_copy(update={"products": products, "share": share}))
    return result
