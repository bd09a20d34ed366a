"""Edge cases from what was read: limits that products state, and what their users complain about."""

from __future__ import annotations

import re
from collections.abc import Sequence

from research.analyst import quotes
from research.analyst.deep.topics import Mention
from research.analyst.features import Topic
from research.analyst.quotes import Role
from research.schemas_features import EdgeCase

MOST = 8
PER_PRODUCT = 2

_LIMIT = re.compile(
    r"\b(?:only (?:on|in|for|with|a|one|two|the)|limited|limits?|restrict\w*|at most|up to \d+|maximum|capped"
    r"|(?:paid|premium|higher|pro|plus) (?:plan|tier|version|subscription)s?|requires?|depends? on|beta"
    r"|experimental|not (?:on|in|for|all|every)|cannot|can't|does not|doesn't|no longer|weak|basic"
    r"|manual(?:ly)?|costs? extra|paywall\w*|sometimes|unreliable|slow)\b",
    re.IGNORECASE,
)


def told(wanted: Topic, found: Sequence[Mention]) -> list[EdgeCase]:
    """Complaints first, then lacks, then limits; at most PER_PRODUCT of one product."""
    rows: list[EdgeCase] = []
    taken: dict[str, int] = {}
    for rank, mention in sorted(_ranked(found), key=_order):
        product = mention.line.entity.id
        if taken.get(product, 0) < PER_PRODUCT:
            taken[product] = taken.get(product, 0) + 1
            rows.append(edge_case(wanted, mention, rank))
    return rows[:MOST]


def _ranked(found: Sequence[Mention]) -> list[tuple[int, Mention]]:
    ranked = [(kind(mention), mention) for mention in found]
    return [(rank, mention) for rank, mention in ranked if rank is not None]


def _order(item: tuple[int, Mention]) -> tuple[int, float, str, int]:
    rank, mention = item
    return rank, -mention.line.weight, mention.line.document.id, mention.line.passage.start


def kind(mention: Mention) -> int | None:
    """The place in REASONS of what the sentence tells; None for one that limits nothing."""
    if mention.line.complains:
        return 0
    if mention.denies:
        return 1
    in_words = mention.rank[0] and not mention.reading.spared
    return 2 if in_words and _LIMIT.search(mention.line.passage.text) else None


# By kind: the reason with the product's name, and the role of the quote.
REASONS: tuple[tuple[str, Role], ...] = (
    ("Users of {product} complain about it.", "complaint"),
    ("{product} goes without it, so somebody decided or failed to.", "absence"),
    ("{product} has it with a limit.", "support"),
)


def edge_case(wanted: Topic, mention: Mention, rank: int) -> EdgeCase:
    line = mention.line
    reason, role = REASONS[rank]
    return EdgeCase(
        id=quotes.identity("edge case", wanted.id, line.document.id, line.passage.start),
        basis="evidence",
        text=line.passage.text,
        reason=reason.format(product=line.entity.name),
        product=line.entity.name,
        evidence=[line.quote(role)],
    )


def complaints(rows: Sequence[EdgeCase]) -> int:
    return sum(quote.role == "complaint" for row in rows for quote in row.evidence)
