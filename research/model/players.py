"""Products that a language model adds, or places in another stage of the market."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, get_args

from research.analyst import quotes
from research.analyst.players import MOMENTUM_SHARE, NEUTRAL, SCALE_SHARE, Stage, competitor
from research.model import answers
from research.model.notes import Log, row_id
from research.schemas import Competitor, Quote

if TYPE_CHECKING:
    from research.model.analyze import Base

STAGES = get_args(Stage)
MAX_ADDED = 8
MAX_QUOTES = 3


def apply(found: Base, proposed: Sequence[answers.Player], log: Log) -> tuple[list[Competitor], int]:
    """All competitors in the analyst's order, and how many proposals were proved."""
    rows = {row.id: row for row in found.analysis.competitors}
    added = 0
    proved = 0
    for player in proposed:
        evidence = proofs(found, player)
        if not evidence:
            log.reject()
            continue
        proved += 1
        known = found.player(player.id) or by_name(rows, player.name)
        if known is not None:
            rows[known.id] = placed(rows[known.id], player, evidence, log)
        elif added < MAX_ADDED:
            row = made(found, player, evidence)
            rows.setdefault(row.id, row)
            added += 1
            log.add("added", "competitor", row.id, row.name, player.reason)
        else:
            log.reject()
    return ranked(rows.values()), proved


def proofs(found: Base, player: answers.Player) -> list[Quote]:
    """Quotes that stand in their sources and speak of this product."""
    given = found.player(player.id)
    name = given.name if given else player.name
    cited = [(one, found.shown.quote(one.source, one.quote)) for one in player.quotes]
    return quotes.distinct(
        (quote for _, quote in cited if quote and speaks_of(found, name, quote)), MAX_QUOTES
    )


def speaks_of(found: Base, name: str, quote: Quote) -> bool:
    """Whether the quoted source is the product's own, or the sentence names it."""
    entity = found.entity_of(quote.source_id)
    own = entity is not None and name.casefold() in {known.casefold() for known in entity.names}
    return own or names(quote.text, name)


def names(sentence: str, name: str) -> bool:
    """Whether a sentence has a name as words of its own."""
    said, wanted = f" {sentence.casefold()} ", name.casefold()
    at = said.find(wanted)
    while at >= 0:
        if not said[at - 1].isalnum() and not said[at + len(wanted)].isalnum():
            return True
        at = said.find(wanted, at + 1)
    return False


def by_name(rows: dict[str, Competitor], name: str) -> Competitor | None:
    return next((row for row in rows.values() if row.name.casefold() == name.casefold()), None)


def placed(row: Competitor, player: answers.Player, evidence: list[Quote], log: Log) -> Competitor:
    """The row, in another stage if the model says so, with the proof of that in front."""
    if row.stage == player.stage:
        return row
    log.add("changed", "competitor", row.id, row.name, player.reason or f"{row.stage} to {player.stage}")
    why = {**row.why, "rule": "placed by the language model", "stage_before": row.stage}
    proved = quotes.distinct([*evidence[:1], *row.evidence], MAX_QUOTES)
    return row.model_copy(update={"stage": player.stage, "why": why, "evidence": proved})


def made(found: Base, player: answers.Player, evidence: list[Quote]) -> Competitor:
    """A row for a product that has a source of its own here, or is only named in others'."""
    entity = next(
        (
            one
            for quote in evidence
            if (one := found.entity_of(quote.source_id)) is not None
            and player.name.casefold() in {name.casefold() for name in one.names}
        ),
        None,
    )
    if entity is None:
        return of_mention(found, player, evidence)
    standing = found.standings[entity.id]
    return competitor(entity, standing, player.stage, "added by the language model", evidence)


def of_mention(found: Base, player: answers.Player, evidence: list[Quote]) -> Competitor:
    """Nothing is known of it but that others name it, so its size and speed are neutral."""
    relevance = max(quote.weight for quote in evidence)
    adjacent = all(
        (entity := found.entity_of(quote.source_id)) is None or entity.adjacent for quote in evidence
    )
    return Competitor(
        id=row_id("competitor", player.name),
        name=player.name,
        url="",
        domain="",
        category=None,
        stage=player.stage,
        relevance=round(relevance, 4),
        scale=NEUTRAL,
        momentum=NEUTRAL,
        threat=round(relevance * (SCALE_SHARE * NEUTRAL + MOMENTUM_SHARE * NEUTRAL), 4),
        founded=None,
        pricing=None,
        why={"rule": "named by other products' sources", "adjacent": adjacent, "loose": True},
        evidence=evidence,
    )


def ranked(rows: Iterable[Competitor]) -> list[Competitor]:
    """By stage and within it by threat, as the analyst lists them."""
    return sorted(
        rows,
        key=lambda row: (STAGES.index(row.stage), row.why["adjacent"], -row.threat, row.name, row.id),
    )
