"""White space: what the idea or its users ask for and products do not state.

Supply is how much of the well-described market states a topic, demand comes from the idea, from
complaints and from what gaining products bet on. Thin evidence makes a gap "unverified".
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from research.analyst import quotes
from research.analyst.features import Row, best_quotes, judge_line
from research.analyst.lines import Line, lines
from research.analyst.phrases import says_for_whom
from research.analyst.players import GAINING, Entity, core
from research.analyst.text import words
from research.schemas import Competitor, Gap, Page, Quote

MAX_GAPS = 6
MAX_QUOTES = 3
MAX_TO_READ = 5
# A second nearest passage is shown only when its cosine is about as good.
MAX_BEHIND = 0.05
# A product with this many sentences is described well enough for its silence to mean something.
FULL_DESCRIPTION = 20
# A catalogue's digest is written to cover a product, limits and all, in about a dozen sentences; what
# it leaves out was weighed and found minor. A product's own page of that length is an excerpt.
FULL_DIGEST = 10
CONFIDENCE_SCALE = 6.0
MIN_CONFIDENCE = 0.5
IDEA_SHARE, COMPLAINT_SHARE, MOMENTUM_SHARE = 0.5, 0.3, 0.2
# What a third of the market states is no gap, whatever the demand. Supply is smoothed upwards where
# little was read, so its bound is higher.
MANY = 0.34
MOST = 0.5
RARE = 0.25
MADE_FOR = "made for "
# What only one product ever speaks of is no topic of the market.
MIN_MENTIONS = 2
# One product's lack is its weakness; when several lack it or draw complaints, it is white space.
MIN_DISCONTENT = 2
MIN_OPPORTUNITY = 0.05
MIN_DEMAND_PER_SUPPLY = 0.5
COMMON = 0.3
MIN_EXPECTED_PAIRS = 1.5
MAX_PMI = -0.5
MAX_PAIRS = 1


@dataclass(frozen=True, slots=True)
class Weighing:
    """The numbers behind one gap; shares are 0 to 1, counts are products."""

    stated: int
    products: int
    denied: int
    complaints: int
    supply: float
    demand: float
    confidence: float

    @property
    def opportunity(self) -> float:
        return self.demand + max(0.0, self.demand - self.supply)


class Market:
    """The core products with how well each is described, and what their users complain about."""

    def __init__(self, entities: Sequence[Entity], competitors: Sequence[Competitor]) -> None:
        self.core = core(entities)
        self.fits = any(not entity.adjacent for entity in entities)
        self.momentum = {row.id: row.momentum for row in competitors}
        self.described = {entity.id: _described(entity) for entity in self.core}
        self.effective = sum(self.described.values())
        self.complaints = [line for line in lines(self.core) if line.complains]

    @property
    def confidence(self) -> float:
        """1 - e^(-n/6), where n counts each product by relevance and length of description."""
        return 1.0 - math.exp(-self.effective / CONFIDENCE_SCALE)

    def stating(self, row: Row) -> list[str]:
        return [id for id in row.holders() if id in self.described]

    def lacking(self, row: Row) -> list[str]:
        return [id for id in row.lacking() if id in self.described]

    def supply(self, holders: Sequence[str]) -> float:
        stated = sum(self.described[id] for id in holders)
        return (stated + 0.5) / (self.effective + 1.0)

    def gaining(self, holders: Sequence[str]) -> int:
        return sum(self.momentum.get(id, 0.0) >= GAINING for id in holders)


def _described(entity: Entity) -> float:
    share = sum(
        len(document.passages) / (FULL_DIGEST if document.kind == "catalogue" else FULL_DESCRIPTION)
        for document, _ in entity.sources
    )
    return min(1.0, share) * entity.relevance


def gaps(rows: Sequence[Row], entities: Sequence[Entity], competitors: Sequence[Competitor]) -> list[Gap]:
    """At most MAX_GAPS, the largest opportunity first."""
    market = Market(entities, competitors)
    if not market.core:
        return []
    top = max((row.topic.facet.weight for row in rows if row.topic.facet), default=1.0)
    found = [gap for row in rows if (gap := _gap(row, market, top)) is not None]
    ranked = sorted(found, key=_rank)
    pairs = _pair_gaps(rows, market, top)[:MAX_PAIRS]
    return sorted([*ranked[: MAX_GAPS - len(pairs)], *pairs], key=_rank)


def _rank(gap: Gap) -> tuple[float, str]:
    return -gap.opportunity, gap.id


# --- One topic ---------------------------------------------------------------------------------


def _gap(row: Row, market: Market, top_weight: float) -> Gap | None:
    complaining = _complaints(row, market)
    weighing = weigh(row, market, top_weight, len(complaining))
    if not _is_candidate(row, weighing, market):
        return None
    evidence = _evidence(row, market, complaining)
    if not evidence:
        return None
    return _built(
        id=quotes.identity("gap", row.topic.id),
        label=f"{MADE_FOR}{row.topic.label}" if _is_audience(row) else row.topic.label,
        weighing=weighing,
        reasons=_reasons(row, weighing, market),
        evidence=evidence,
        to_read=_to_read(row, market),
    )


def _is_audience(row: Row) -> bool:
    return row.topic.facet is not None and row.topic.facet.type == "audience"


def _built(
    id: str, label: str, weighing: Weighing, reasons: list[str], evidence: list[Quote], to_read: list[Page]
) -> Gap:
    verified = weighing.confidence >= MIN_CONFIDENCE
    status: Literal["gap", "unverified"] = "gap" if verified else "unverified"
    return Gap(
        id=id,
        label=label,
        status=status,
        opportunity=round(weighing.opportunity, 4),
        demand=round(weighing.demand, 4),
        supply=round(weighing.supply, 4),
        confidence=round(weighing.confidence, 4),
        reasons=reasons,
        to_read=[] if verified else to_read,
        evidence=evidence,
    )


def weigh(row: Row, market: Market, top_weight: float, complaints: int) -> Weighing:
    """Supply and demand of a topic; an idea's heaviest facet counts as 1."""
    holders, denied = market.stating(row), market.lacking(row)
    facet = row.topic.facet
    wanted = facet.weight / top_weight if facet and top_weight else 0.0
    discontent = len(denied) + complaints
    # Smoothed by one, so that a single complaint about a topic nobody states is not all of it.
    complaint_share = discontent / (discontent + len(holders) + 1)
    momentum_share = market.gaining(holders) / (len(holders) + 1)
    demand = IDEA_SHARE * wanted + COMPLAINT_SHARE * complaint_share + MOMENTUM_SHARE * momentum_share
    return Weighing(
        stated=len(holders),
        products=len(market.core),
        denied=len(denied),
        complaints=complaints,
        supply=market.supply(holders),
        demand=demand,
        confidence=market.confidence,
    )


def _is_candidate(row: Row, weighing: Weighing, market: Market) -> bool:
    share = weighing.stated / weighing.products
    if share >= MANY or weighing.supply >= MOST or weighing.opportunity < MIN_OPPORTUNITY:
        return False
    if weighing.demand < MIN_DEMAND_PER_SUPPLY * weighing.supply:
        return False
    if row.topic.facet is not None:
        # Every core product passed the judge for the core of the idea: silence means other words.
        return row.topic.facet.type != "core" or weighing.stated == 0
    if not market.fits:
        # What products of other markets lack says nothing about this one.
        return False
    if weighing.stated + weighing.denied + weighing.complaints < MIN_MENTIONS:
        return False
    discontent = weighing.denied + weighing.complaints
    return discontent >= MIN_DISCONTENT or (0 < share <= RARE and weighing.demand > 0 and not discontent)


def _complaints(row: Row, market: Market) -> list[Line]:
    """Complaints that speak of the topic in its own words, one a product."""
    found: dict[str, Line] = {}
    for line in market.complaints:
        stems_said = {token.stem for token in line.tokens}
        if any(len(key) > 1 and set(key) <= stems_said for key in (wanted.key for wanted in row.topic.terms)):
            found.setdefault(line.entity.id, line)
    return [found[id] for id in sorted(found)]


# --- Its evidence ------------------------------------------------------------------------------


def _evidence(row: Row, market: Market, complaining: Sequence[Line]) -> list[Quote]:
    """Who lacks it, who complains, and otherwise who comes closest."""
    ids = set(market.described)
    against = [
        *best_quotes(row, set(market.lacking(row)), "absent", MAX_QUOTES - 1),
        *(line.quote("complaint") for line in complaining),
    ]
    stated = best_quotes(row, ids, "present", 1)
    found = quotes.distinct([*against[: MAX_QUOTES - len(stated)], *stated], MAX_QUOTES)
    return found or _nearest(row, market)


def _nearest(row: Row, market: Market) -> list[Quote]:
    """The closest passages: the best there is to see.

    Where an audience is missed, those that say for whom products are.
    """
    found = [line for line in lines(market.core) if judge_line(row.topic, line).state != "absent"]
    telling = says_for_whom if _is_audience(row) else None
    found = [line for line in found if telling is None or telling(line.passage.text)] or found
    found = [line for line in found if line.plain] or found
    ranked = sorted(
        found,
        key=lambda line: (-_cosine(row, line), line.quote().evidence_id),
    )
    best = [_cosine(row, line) for line in ranked[:1]]
    return [line.quote("nearest") for line in ranked[:2] if _cosine(row, line) >= best[0] - MAX_BEHIND]


def _cosine(row: Row, line: Line) -> float:
    return round(float(row.topic.vector @ line.passage.vector), 6)


def _to_read(row: Row, market: Market) -> list[Page]:
    """Pages of the most relevant products that say nothing about the topic."""
    silent = [entity for entity in market.core if row.readings[entity.id].state == "unknown"]
    ranked = sorted(silent, key=lambda entity: (-entity.relevance, entity.name, entity.id))
    return [Page(name=entity.name, url=entity.lead.url) for entity in ranked[:MAX_TO_READ]]


# --- Its reasons -------------------------------------------------------------------------------


def _reasons(row: Row, weighing: Weighing, market: Market) -> list[str]:
    reasons = [_audience_reason(weighing) if _is_audience(row) else _supply_reason(weighing)]
    if row.topic.facet is not None:
        reasons.append(f"The idea asks for it; it carries {row.topic.facet.weight:.0%} of the idea's weight.")
    if weighing.denied:
        verb = _verb(weighing.denied, "says", "say")
        reasons.append(f"{_products(weighing.denied)} {verb} outright that it is not there.")
    if weighing.complaints:
        reasons.append(f"Users of {_products(weighing.complaints)} complain about it.")
    gaining = market.gaining(market.stating(row))
    if gaining:
        reasons.append(f"{gaining} of these {_verb(gaining, 'is', 'are')} gaining.")
    reasons.append(_confidence_reason(weighing, market))
    return reasons


def _supply_reason(weighing: Weighing) -> str:
    if not weighing.stated:
        return f"None of {_products(weighing.products)} says it has this."
    verb = _verb(weighing.stated, "says it has", "say they have")
    return f"{weighing.stated} of {_products(weighing.products)} {verb} this."


def _audience_reason(weighing: Weighing) -> str:
    if not weighing.stated:
        return f"None of {_products(weighing.products)} says it is for them."
    verb = _verb(weighing.stated, "says it is", "say they are")
    return f"{weighing.stated} of {_products(weighing.products)} {verb} for them."


def _confidence_reason(weighing: Weighing, market: Market) -> str:
    return (
        f"Confidence {weighing.confidence:.2f}: what was read amounts to"
        f" {market.effective:.1f} fully described products."
    )


def _products(count: int) -> str:
    return "1 core product" if count == 1 else f"{count} core products"


def _verb(count: int, one: str, many: str) -> str:
    return one if count == 1 else many


# --- Pairs -------------------------------------------------------------------------------------


def _pair_gaps(rows: Sequence[Row], market: Market, top_weight: float) -> list[Gap]:
    """Two things the idea asks for that are common, but seldom combined.

    Pairs with what the idea does not mention come out by chance and by the dozen.
    """
    total = len(market.core)
    asked = [row for row in rows if row.topic.facet and row.topic.facet.type not in {"core", "audience"}]
    common = [row for row in asked if COMMON <= len(market.stating(row)) / total < 1.0]
    found = [
        gap for a, b in combinations(common, 2) if (gap := _pair_gap(a, b, market, top_weight)) is not None
    ]
    return sorted(found, key=_rank)


def _pair_gap(a: Row, b: Row, market: Market, top_weight: float) -> Gap | None:
    if _overlap(a.topic.label, b.topic.label):
        return None
    both = sorted(set(market.stating(a)) & set(market.stating(b)))
    expected = len(market.stating(a)) * len(market.stating(b)) / len(market.core)
    pmi = math.log((len(both) + 0.5) / (expected + 0.5))
    if expected < MIN_EXPECTED_PAIRS or pmi > MAX_PMI:
        return None
    weighing = _pair_weighing(a, b, both, market, top_weight)
    ids = set(market.described)
    evidence = [*best_quotes(a, ids, "present", 1), *best_quotes(b, ids, "present", 1)]
    if weighing.opportunity < MIN_OPPORTUNITY or not evidence:
        return None
    return _built(
        id=quotes.identity("gap", a.topic.id, b.topic.id),
        label=f"{a.topic.label} together with {b.topic.label}",
        weighing=weighing,
        reasons=_pair_reasons(a, b, len(both), expected, weighing, market),
        evidence=[quote.model_copy(update={"role": "nearest"}) for quote in quotes.distinct(evidence, 2)],
        to_read=_to_read(a, market),
    )


def _overlap(a: str, b: str) -> bool:
    return bool(set(words(a)) & set(words(b)))


def _pair_weighing(a: Row, b: Row, both: Sequence[str], market: Market, top_weight: float) -> Weighing:
    """The demand of a pair is the mean of its parts', its supply what has both."""
    parts = [weigh(row, market, top_weight, len(_complaints(row, market))) for row in (a, b)]
    return Weighing(
        stated=len(both),
        products=len(market.core),
        denied=0,
        complaints=0,
        supply=market.supply(both),
        demand=sum(part.demand for part in parts) / len(parts),
        confidence=market.confidence,
    )


def _pair_reasons(
    a: Row, b: Row, both: int, expected: float, weighing: Weighing, market: Market
) -> list[str]:
    counts: Mapping[str, int] = {row.topic.label: len(market.stating(row)) for row in (a, b)}
    parts = " and ".join(
        f"{_products(count)} {_verb(count, 'has', 'have')} {label}" for label, count in counts.items()
    )
    return [
        f"{parts}, but only {both} {_verb(both, 'has', 'have')} both; by chance it would be {expected:.1f}.",
        _confidence_reason(weighing, market),
    ]
