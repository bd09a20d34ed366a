"""Which products have a feature, and in which words they say so."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from research.analyst import quotes
from research.analyst.deep.topics import Mention
from research.analyst.features import Topic
from research.analyst.players import Entity
from research.analyst.text import stems
from research.schemas_features import Implementation

MOST = 12
MAX_QUOTES = 2

# Where a sentence turns to something else.
_TURN = re.compile(r"[;\u2013\u2014]|,\s+(?:but|while|whereas|although|though|yet)\b", re.IGNORECASE)


def seen(
    wanted: Topic,
    by_entity: Mapping[str, Sequence[Mention]],
    entities: Sequence[Entity],
    market: Collection[str],
) -> list[Implementation]:
    """One row a product that states the feature: the idea's market first, then the clearest words."""
    stating = [(entity, best(by_entity[entity.id])) for entity in entities]
    # Nearness in meaning tells little about products of other markets: they have to say it in words.
    rows = [(entity, told) for entity, told in stating if told and (entity.id in market or told[0].rank[0])]
    rows.sort(key=lambda row: (row[0].id not in market, not row[1][0].rank[0], -row[0].relevance, row[0].id))
    return [implementation(wanted, entity, told, entity.id in market) for entity, told in rows[:MOST]]


def best(found: Sequence[Mention]) -> list[Mention]:
    """The sentences that state the feature, the clearest first."""
    stating = [mention for mention in found if mention.states]
    return sorted(stating, key=lambda mention: (not mention.rank[0], -mention.rank[1]))


def implementation(wanted: Topic, entity: Entity, told: Sequence[Mention], in_market: bool) -> Implementation:
    lead = entity.lead
    return Implementation(
        id=quotes.identity("implementation", wanted.id, entity.id),
        product=entity.name,
        url=lead.url,
        domain=lead.domain,
        category=entity.category,
        in_market=in_market,
        how=telling_part(told[0].line.passage.text, wanted),
        evidence=quotes.distinct((mention.line.quote() for mention in told), MAX_QUOTES),
    )


def telling_part(sentence: str, wanted: Topic) -> str:
    """The part of a sentence that holds most of the feature's words; all of a sentence that does not turn."""
    words = {stem for found in wanted.terms for stem in found.key}
    turns = [match.start() for match in _TURN.finditer(sentence)]
    parts = [sentence[a:b] for a, b in zip([0, *turns], [*turns, len(sentence)], strict=True)]
    part = max(parts, key=lambda part: len(words & set(stems(part))))
    return part.strip(" ,;\u2013\u2014")
