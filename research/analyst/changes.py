"""What changed in the market, and what its users complain about."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Literal

from research.analyst import quotes
from research.analyst.documents import Document, Passage, Vector
from research.analyst.judging import Judgement
from research.analyst.players import Activity, Entity, identity_quote
from research.schemas import Facet, Signal

Kind = Literal[
    "funding", "acquisition", "launch", "deprecation", "pricing", "outage", "shutdown", "complaint", "fading"
]

MAX_SIGNALS = 12
MAX_PER_KIND = 5
MAX_PER_PRODUCT = 2
MIN_WEIGHT = 0.05
# A change loses half its weight in this many years; one without a year counts as this old.
HALF_LIFE_YEARS = 3.0
UNDATED_YEARS = 3.0
# What changed longer ago is how the market is, not how it changes.
MAX_AGE_YEARS = 6
ADJACENT_SHARE = 0.5


def _any_of(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


# The first pattern that matches decides, so the rarer and stronger events come first.
CHANGES: tuple[tuple[Kind, float, re.Pattern[str]], ...] = (
    (
        "shutdown",
        1.0,
        _any_of(
            r"(?<!can )(?<!to )\bshut(?:s|ting)? down (?:in|on|its|the)\b",
            r"\b(?:was|were|is being|will be|has been) shut down\b",
            r"\bclos(?:ed|es|ing) (?:down|its|in (?:19|20)\d\d)\b",
            r"\b(?:ceased|went out of business|end of life|wound down|went bankrupt)\b",
        ),
    ),
    (
        "deprecation",
        0.9,
        _any_of(
            r"\b(?:deprecat\w+|discontinu\w+|sunset\w*|phased out)\b",
            r"\b(?:retired|removed) (?:in|its|the)\b",
            r"\bstopped (?:processing|supporting|offering|accepting|developing)\b",
            r"\bno longer (?:developed|sold|maintained|offered|supported|updated)\b",
        ),
    ),
    (
        "outage",
        0.9,
        _any_of(
            r"\b(?:outages?|breached|was hacked|hackers)\b", r"\b(?:data|security) (?:breach|incident|leak)"
        ),
    ),
    (
        "acquisition",
        0.9,
        _any_of(
            r"\b(?:acquired|acquires|acquisition (?:of|by)|was bought)\b",
            r"(?<!is )(?<!are )\bbought (?:by|a majority)\b",
            r"\b(?:taken over by|merged with|completed its purchase|majority stake)\b",
        ),
    ),
    (
        "funding",
        0.8,
        _any_of(
            r"\braised (?:[$\u20ac\u00a3\d]|(?:about|around|over|more than|a) )"
            r"[^.]{0,30}(?:million|billion|round)\b",
            r"\b(?:series [a-f]|seed round|venture funding|funding round|went public|stock exchange)\b",
        ),
    ),
    (
        "pricing",
        0.9,
        _any_of(
            r"\b(?:raised|raises|increased|doubled|cut|lowered)"
            r" (?:(?:its|their|the) )?(?:\w+ )?(?:prices?|fees)\b",
            r"\bprice (?:increase|rise|change)s?\b",
            r"\b(?:ended|removed|dropped|limited|closed)"
            r" (?:(?:its|the) )?(?:permanent(?:ly)? )?free (?:plan|tier)\b",
            r"\bhas been a paid product since\b",
            r"\b(?:switched|moved|changed) to (?:a )?(?:subscription|paid)",
        ),
    ),
    (
        "launch",
        0.6,
        _any_of(
            r"\b(?:launched|launches|released|introduced|renamed|rebranded|began (?:as|in)|relaunched"
            r"|open[- ]sourced)\b[^.]*\b(?:19|20)\d\d\b",
            r"\bin (?:19|20)\d\d\b[^.]*\b(?:launched|introduced|renamed|released)\b",
        ),
    ),
)
COMPLAINT_WEIGHT = 0.7
_COMPLAINT = re.compile(
    r"\b(?:complain\w*|complaints?|criticis\w+|criticiz\w+|wish(?:es|ed)? (?:for|that|it|there|they)"
    r"|(?:users|people|customers|reviewers) dislike|frustrat\w+|annoy\w+"
    r"|too (?:expensive|costly|slow|complex|complicated|limited|basic|heavy)|(?:users|people|customers) miss"
    r"|switched (?:away )?(?:from|to) [^.]*\b(?:because|after|when)|reviewers (?:often )?(?:say|note|find)"
    r"|often called (?:too )?(?:expensive|dated|slow|confusing))\b",
    re.IGNORECASE,
)
_LACK = re.compile(
    r"\b(?:missing|does not support|doesn't support|lacks?|has no|have no|is weak|are weak|cannot be)\b",
    re.IGNORECASE,
)
LACK_WEIGHT = 0.5
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")


def is_complaint(sentence: str) -> bool:
    """Whether the sentence reports somebody's discontent; a bare lack is not yet a complaint."""
    return _COMPLAINT.search(sentence) is not None


_FOR_WHOM = re.compile(
    r"\b(?:meant|made|built|aimed|designed|intended) (?:for|at)\b|\bsuits\b|\bit is for\b", re.IGNORECASE
)


# "Even if servers are breached" reports nothing.
_SUPPOSED = re.compile(r"\b(?:if|in case|whenever|in the event)\b[^,;.]*$", re.IGNORECASE)


def classify(sentence: str) -> tuple[Kind, float] | None:
    """Kind of signal and its base weight, None for a sentence that reports no change."""
    # "For shops that find X too heavy" complains about somebody else.
    if _FOR_WHOM.search(sentence):
        return None
    if is_complaint(sentence):
        return "complaint", COMPLAINT_WEIGHT
    for kind, weight, pattern in CHANGES:
        match = pattern.search(sentence)
        if match and not _SUPPOSED.search(sentence, 0, match.start()):
            return kind, weight
    return ("complaint", LACK_WEIGHT) if _LACK.search(sentence) else None


def stated_year(sentence: str, as_of: date) -> int | None:
    """The latest year named that is not in the future."""
    years = [int(year) for year in _YEAR.findall(sentence) if int(year) <= as_of.year]
    return max(years, default=None)


def signals(
    entities: Sequence[Entity],
    fading: Sequence[tuple[Entity, Activity]],
    listed: Iterable[str],
    facets: Sequence[Facet],
    facet_vectors: Vector,
    as_of: date,
) -> list[Signal]:
    """At most MAX_SIGNALS, heaviest first, never two from one sentence.

    `listed` are the ids of the products that have a row of their own.
    """
    known = set(listed)
    found = [
        signal
        for entity in entities
        for document, judgement in entity.sources
        for passage in document.passages
        if (signal := _signal(entity, document, judgement, passage, known, facet_vectors, as_of))
    ]
    found = [signal for signal in found if signal.weight >= MIN_WEIGHT]
    found += [_fading(entity, activity, known, facets, facet_vectors) for entity, activity in fading]
    return _diverse(sorted(found, key=lambda signal: (-signal.weight, signal.id)))


def _signal(
    entity: Entity,
    document: Document,
    judgement: Judgement,
    passage: Passage,
    known: set[str],
    facet_vectors: Vector,
    as_of: date,
) -> Signal | None:
    reading = classify(passage.text)
    if reading is None:
        return None
    kind, base = reading
    year = stated_year(passage.text, as_of)
    if kind != "complaint" and year is not None and as_of.year - year > MAX_AGE_YEARS:
        return None
    nearness = float((facet_vectors @ passage.vector).max()) if len(facet_vectors) else 0.0
    timely = 1.0 if kind == "complaint" else _recency(year, as_of)
    share = ADJACENT_SHARE if entity.adjacent else 1.0
    weight = base * judgement.weight * timely * share * (0.5 + 0.5 * max(0.0, nearness))
    role: quotes.Role = "complaint" if kind == "complaint" else "support"
    return Signal(
        id=quotes.identity("signal", document.id, passage.start, passage.end),
        kind=kind,
        competitor_id=entity.id if entity.id in known else None,
        text=_attributed(entity, passage.text),
        year=year,
        weight=round(weight, 4),
        evidence=[quotes.build(document, passage.start, passage.end, judgement.weight, role)],
    )


def _attributed(entity: Entity, sentence: str) -> str:
    """The sentence, with the product's name where it does not open with it."""
    return sentence if sentence.startswith(entity.names) else f"{entity.name}: {sentence}"


def _recency(year: int | None, as_of: date) -> float:
    age = UNDATED_YEARS if year is None else float(as_of.year - year)
    return float(2.0 ** (-age / HALF_LIFE_YEARS))


def _fading(
    entity: Entity, activity: Activity, known: set[str], facets: Sequence[Facet], facet_vectors: Vector
) -> Signal:
    quote = identity_quote(entity, facets, facet_vectors)
    return Signal(
        id=quotes.identity("signal", "fading", entity.id),
        kind="fading",
        competitor_id=entity.id if entity.id in known else None,
        text=f"{entity.name}: {_inactivity(activity)}",
        year=activity.last.year if activity.last else None,
        weight=round(entity.relevance * (ADJACENT_SHARE if entity.adjacent else 1.0), 4),
        evidence=[quote],
    )


def _inactivity(activity: Activity) -> str:
    if activity.archived:
        return "its repository is archived."
    since = f" since {activity.last.isoformat()[:7]}" if activity.last else ""
    return f"no commit or release{since}, {activity.idle_months} months on record."


def _diverse(ranked: Sequence[Signal]) -> list[Signal]:
    """The heaviest signals, without one kind or one product crowding out the rest."""
    kinds: Counter[str] = Counter()
    products: Counter[str] = Counter()
    sentences: set[str] = set()
    kept = []
    for signal in ranked:
        product = signal.evidence[0].source_id
        place = signal.evidence[0].evidence_id
        if kinds[signal.kind] >= MAX_PER_KIND or products[product] >= MAX_PER_PRODUCT or place in sentences:
            continue
        kinds[signal.kind] += 1
        products[product] += 1
        sentences.add(place)
        kept.append(signal)
    return kept[:MAX_SIGNALS]
