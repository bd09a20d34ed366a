"""Reads the documents for each feature: what products do, what they leave open, what is free to use."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date

from research.analyst import judging, players
from research.analyst.deep import implementations, limits, opensource, patterns
from research.analyst.deep.findings import Findings, Wanted
from research.analyst.deep.topics import mentions, topic
from research.analyst.documents import Document, Embed
from research.analyst.judging import Judgement
from research.analyst.lines import Line, lines
from research.analyst.phrases import Background
from research.analyst.players import Entity

LEADING = 12  # nearest sources that say which category the idea is of


class Survey:
    """The documents of a run, merged into products once and read once.

    `scores` is how near each document is to the idea or to some feature, 0 to 1; `market` the documents that
    are near to the idea itself, nearest first.
    """

    def __init__(
        self,
        documents: Sequence[Document],
        scores: Mapping[str, float],
        market: Sequence[str],
        background: Background,
        as_of: date,
    ) -> None:
        self.background = background
        self.as_of = as_of
        judged = [(document, worth(document, scores.get(document.id, 0.0), as_of)) for document in documents]
        self.entities = players.merge(judged)
        self.lines: dict[str, list[Line]] = {entity.id: lines([entity]) for entity in self.entities}
        self.market = in_market(self.entities, market)

    def study(self, feature: Wanted, read: Collection[str], embed: Embed) -> Findings:
        """What the documents `read`, by id, say about a feature."""
        wanted = topic(feature, embed)
        entities = [e for e in self.entities if any(document.id in read for document, _ in e.sources)]
        told = {entity.id: mentions(wanted, self.lines[entity.id]) for entity in entities}
        everything = [mention for found in told.values() for mention in found]
        holders = {mention.line.entity.id for mention in everything if mention.states}
        shown = implementations.seen(wanted, told, entities, self.market)
        limiting = limits.told(wanted, everything)
        return Findings(
            feature=feature,
            sources_read=sum(len(entity.sources) for entity in entities),
            market_products=len(self.market & told.keys()),
            market_holders=len(self.market & holders),
            implementations=shown,
            patterns=patterns.recurring(wanted, everything, shown, self.background),
            limits=limiting,
            open_source=opensource.options(wanted, told, self.lines, entities, self.as_of),
            complaints=limits.complaints(limiting),
        )


def worth(document: Document, score: float, as_of: date) -> Judgement:
    """A document's weight as evidence, by nearness, kind and age."""
    relevance = round(min(1.0, max(0.0, score)), judging.DECIMALS)
    authority = judging.authority(document.kind)
    fresh = round(judging.freshness(document.kind, document.published_on, as_of), judging.DECIMALS)
    weight = judging.evidence_weight(relevance, authority, fresh, 1.0)
    return Judgement(
        document_id=document.id,
        relevance=relevance,
        authority=authority,
        freshness=fresh,
        freshness_known=document.published_on is not None,
        independence=1.0,
        weight=round(weight, judging.DECIMALS),
        adjacent=False,
    )


def in_market(entities: Sequence[Entity], nearest: Sequence[str]) -> set[str]:
    """The products near the idea and of the category that leads there; without categories, all near ones."""
    place = {document_id: number for number, document_id in enumerate(nearest)}
    near = {e.id: min((place.get(d.id, len(place)) for d, _ in e.sources)) for e in entities}
    ranked = sorted((e for e in entities if near[e.id] < len(place)), key=lambda e: (near[e.id], e.id))
    votes: dict[str, int] = {}
    for entity in ranked[:LEADING]:
        if entity.category:
            votes[entity.category] = votes.get(entity.category, 0) + 1
    leading = max(votes, key=lambda slug: (votes[slug], slug), default=None)
    return {entity.id for entity in ranked if leading is None or entity.category in (leading, None)}
