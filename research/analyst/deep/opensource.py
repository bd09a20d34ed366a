"""Open-source options among the products that have a feature."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date

from research.analyst import players, quotes
from research.analyst.deep.topics import Mention
from research.analyst.documents import Document
from research.analyst.features import Topic
from research.analyst.lines import Line
from research.analyst.players import Entity
from research.analyst.reading import find, term
from research.schemas import Quote
from research.schemas_features import Activity, OpenSourceOption

MOST = 6
MAX_QUOTES = 2
ACTIVE_MONTHS, SLOW_MONTHS = 6, 12

_OPEN = [term(text) for text in ("open source", "open-source")]
_LICENCE = re.compile(
    r"\b(?:A?GPL(?:v[23])?|LGPL|MIT|BSD|MPL|EUPL|ISC|Apache(?: 2\.0)?)(?=\W|$)(?: licen[cs]e)?", re.ASCII
)


def options(
    wanted: Topic,
    by_entity: Mapping[str, Sequence[Mention]],
    lines: Mapping[str, Sequence[Line]],
    entities: Sequence[Entity],
    as_of: date,
) -> list[OpenSourceOption]:
    """Repositories with their facts first, then products that a sentence calls open source."""
    rows = [
        option(wanted, entity, by_entity[entity.id], lines[entity.id], as_of)
        for entity in entities
        if any(mention.states for mention in by_entity[entity.id])
    ]
    found = [row for row in rows if row is not None]
    return sorted(found, key=_order)[:MOST]


def _order(row: OpenSourceOption) -> tuple[bool, bool, int, str]:
    return not row.is_repository, row.activity in ("archived", "dormant"), -(row.stars or 0), row.id


def option(
    wanted: Topic, entity: Entity, told: Sequence[Mention], lines: Sequence[Line], as_of: date
) -> OpenSourceOption | None:
    repository = next((document for document, _ in entity.sources if document.kind == "repository"), None)
    declared = [line.quote() for line in lines if is_declared(line)]
    if repository is None and not declared:
        return None
    source = repository or entity.lead
    states = [mention.line.quote() for mention in told if mention.states]
    activity = players.activity(entity, as_of)
    return OpenSourceOption(
        id=quotes.identity("open source", wanted.id, source.id),
        name=entity.name,
        url=source.url,
        source_id=source.id,
        is_repository=repository is not None,
        licences=licences(repository, declared),
        stars=stars(repository),
        last_active_on=activity.last,
        activity=state(activity),
        evidence=quotes.distinct([*declared[:1], *states], MAX_QUOTES),
    )


def is_declared(line: Line) -> bool:
    """Whether the sentence says, without a denial, that the source is open."""
    return not line.complains and any(find(line.tokens, wanted) == "stated" for wanted in _OPEN)


def licences(repository: Document | None, declared: Sequence[Quote]) -> list[str]:
    """From the repository's facts, else by name from the sentence that is quoted."""
    stored = (repository.facts if repository else {}).get("licenses") or []
    told = [
        match[0].removesuffix(" licence").removesuffix(" license")
        for q in declared[:1]
        for match in _LICENCE.finditer(q.text)
    ]
    return list(dict.fromkeys(map(str, stored))) or list(dict.fromkeys(told))


def stars(repository: Document | None) -> int | None:
    value = (repository.facts if repository else {}).get("stars")
    return int(value) if value is not None else None


def state(found: players.Activity) -> Activity:
    if found.archived:
        return "archived"
    if found.idle_months is None:
        return "unknown"
    if found.idle_months <= ACTIVE_MONTHS:
        return "active"
    return "slow" if found.idle_months <= SLOW_MONTHS else "dormant"
