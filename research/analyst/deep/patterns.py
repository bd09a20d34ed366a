"""Ways of doing it that several products share: known ones by their words, others by shared phrases."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from research.analyst import quotes
from research.analyst.deep.topics import Mention
from research.analyst.features import Topic
from research.analyst.phrases import Background, candidates
from research.analyst.text import stems
from research.schemas_features import Implementation, Pattern

MOST = 6
MIN_PRODUCTS = 2
MAX_QUOTES = 3


def _way(words: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{words})\b", re.IGNORECASE)


WAYS = {
    "by itself, without being asked": _way("automatic(?:ally)?|by itself|auto-\\w+|without manual"),
    "from a photo, a scan or the camera": _way("photos?|camera|scans?|scanning|snap|barcodes?|ocr"),
    "from ready-made templates or examples": _way("templates?|presets?|starter \\w+|examples?|library of"),
    "by drag and drop": _way("drag(?:s|ging)?(?:[ -]and[ -]drop)?"),
    "shared between people": _way("shared?|sharing|together|famil(?:y|ies)|team(?:s|mates)?|household"),
    "on a schedule": _way("schedul\\w+|recurring|every (?:day|week|month)"),
    "in a calendar": _way("calendars?"),
    "by the week": _way("weekly|weeks?"),
    "by a browser extension or from the web": _way(
        "browser extensions?|bookmarklet|clipper|from (?:any )?websites?"
    ),
    "through other services": _way("integrat\\w+|connects?|api|webhooks?|plugins?|add-ons?|zapier"),
    "by a language model": _way("ai|machine learning|language models?|chatbot|gpt"),
    "without a connection": _way("offline|without (?:an )?internet|local-first"),
    "by import from files": _way("imports?|csv|spreadsheets?|upload(?:s|ing)?"),
    "on the user's own server": _way("self-host(?:ed|ing)?|own server"),
    "encrypted": _way("encrypt(?:ed|ion|s)|end-to-end|zero-knowledge"),
    "by voice": _way("voice|siri|alexa|spoken|dictat\\w+"),
    "in the paid plan": _way("paid (?:plan|tier|version|app)s?|premium|(?:pro|plus) (?:plan|version)|paying"),
    "with notifications": _way("notif\\w+|reminders?|reminds?|alerts?|push"),
}


def recurring(
    wanted: Topic, told: Sequence[Mention], shown: Sequence[Implementation], background: Background
) -> list[Pattern]:
    """What at least two of the implementations do alike, the most common first."""
    products = {row.product for row in shown}
    stating = [mention for mention in told if mention.states and mention.line.entity.name in products]
    found = [
        pattern(wanted, label, group, len(products)) for label, group in _groups(wanted, stating, background)
    ]
    found = [row for row in found if len(row.products) >= MIN_PRODUCTS]
    return distinct(sorted(found, key=lambda row: (-len(row.products), row.label)))[:MOST]


def distinct(rows: Sequence[Pattern]) -> list[Pattern]:
    """Without those that another one says better: "reminders" beside "payment reminders"."""
    return [row for row in rows if not any(other is not row and within(row, other) for other in rows)]


def within(row: Pattern, other: Pattern) -> bool:
    same_products = set(row.products) <= set(other.products)
    return same_products and set(stems(row.label)) < set(stems(other.label))


def says(way: re.Pattern[str], sentence: str, own: set[str]) -> bool:
    """Whether a sentence tells the way in words that are not the feature's own: shared lists are shared."""
    return any(not set(stems(match[0])) & own for match in way.finditer(sentence))


def pattern(wanted: Topic, label: str, group: Sequence[Mention], of: int) -> Pattern:
    first: dict[str, Mention] = {}
    for mention in sorted(group, key=lambda mention: (-mention.line.weight, mention.line.entity.id)):
        first.setdefault(mention.line.entity.name, mention)
    return Pattern(
        id=quotes.identity("pattern", wanted.id, label),
        label=label,
        products=list(first),
        share=round(len(first) / of, 4) if of else 0.0,
        evidence=quotes.distinct((mention.line.quote() for mention in first.values()), MAX_QUOTES),
    )


def _groups(
    wanted: Topic, stating: Sequence[Mention], background: Background
) -> Iterator[tuple[str, list[Mention]]]:
    own = {stem for found in wanted.terms for stem in found.key} | set(stems(wanted.label))
    for label, way in WAYS.items():
        yield label, [mention for mention in stating if says(way, mention.line.passage.text, own)]
    for phrase in candidates([mention.line for mention in stating], background):
        if len(phrase.entities) >= MIN_PRODUCTS and not set(phrase.key) <= own:
            key = set(phrase.key)
            yield phrase.text, [m for m in stating if key <= {token.stem for token in m.line.tokens}]
