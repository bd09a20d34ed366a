"""The risk matrix of a feature: what its kind brings, and what the findings add to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from research.analyst import quotes
from research.analyst.deep.archetypes import Archetype
from research.analyst.deep.findings import Findings
from research.analyst.text import stems
from research.schemas import Quote
from research.schemas_features import Basis, EdgeCase, Level, Risk

MOST = 8
MAX_QUOTES = 2
HIGH, MEDIUM = 12, 6
WORST = 5
EVERYBODY, HARDLY_ANYBODY = 0.6, 2
FEW_SOURCES = 5
MANY_COMPLAINTS = 3


def matrix(found: Findings, kinds: Sequence[Archetype]) -> list[Risk]:
    """The most severe first."""
    rows = [*of_kinds(found, kinds), *of_market(found)]
    return sorted(rows, key=lambda row: (-row.severity, -row.impact, row.text))[:MOST]


def of_kinds(found: Findings, kinds: Sequence[Archetype]) -> Iterator[Risk]:
    """Risks of the kinds, likelier where a product's limits or complaints show signs of them."""
    for kind in kinds:
        for text, likelihood, impact, reason in kind.risks:
            telling = kind.signs & set(stems(f"{text} {reason}")) - set(stems(found.feature.name))
            signs = [row for row in found.limits if telling & set(stems(row.text))]
            reasons = [f"{reason[0].upper()}{reason[1:]}."]
            if signs:
                reasons.append(f"Limits or complaints of {told_by(signs)} point to it.")
            raised = min(WORST, likelihood + bool(signs))
            yield risk(found, text, raised, impact, reasons, proof(signs))


def of_market(found: Findings) -> Iterator[Risk]:
    """Risks that follow from how many products have the feature and how content their users are."""
    complaints = [row for row in found.limits if any(quote.role == "complaint" for quote in row.evidence)]
    if complaints:
        likelihood = 4 if len(complaints) >= MANY_COMPLAINTS else 3
        reasons = [f"Users of {told_by(complaints)} complain about theirs."]
        yield risk(
            found, "Users are as unhappy with it as elsewhere", likelihood, 3, reasons, proof(complaints)
        )
    if found.prevalence >= EVERYBODY and found.market_holders > HARDLY_ANYBODY:
        count = f"{found.market_holders} of {found.market_products} products of the market state it."
        quoted = [quote for row in found.implementations for quote in row.evidence[:1]][:MAX_QUOTES]
        yield risk(found, "It is expected, so having it wins nobody over", 4, 2, [count], quoted)
    if found.sources_read < FEW_SOURCES:
        reasons = [f"Only {found.sources_read} sources could be read."]
        yield risk(found, "What is not known about it decides", 4, 3, reasons, [])
    elif not found.implementations:
        reasons = [f"None of {found.sources_read} sources states it: nobody needs it, or nobody tells."]
        yield risk(found, "Nobody wants it", 3, 4, reasons, [])


def risk(
    found: Findings, text: str, likelihood: int, impact: int, reasons: list[str], evidence: list[Quote]
) -> Risk:
    severity = likelihood * impact
    basis: Basis = "evidence" if evidence else "rule"
    return Risk(
        id=quotes.identity("risk", found.feature.id, text),
        basis=basis,
        text=text,
        likelihood=likelihood,
        impact=impact,
        severity=severity,
        level=level(severity),
        reasons=reasons,
        evidence=evidence,
    )


def level(severity: int) -> Level:
    if severity >= HIGH:
        return "high"
    return "medium" if severity >= MEDIUM else "low"


def proof(rows: Sequence[EdgeCase]) -> list[Quote]:
    return quotes.distinct((quote for row in rows for quote in row.evidence), MAX_QUOTES)


def told_by(rows: Sequence[EdgeCase]) -> str:
    return ", ".join(sorted({row.product for row in rows if row.product}))
