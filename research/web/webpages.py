"""From a fetched page to a source: what it is called, what it says, and whether that is worth keeping."""

from __future__ import annotations

import datetime
import re
from functools import lru_cache
from urllib.parse import urlsplit

from manticscore.clients.extraction import Extracted
from manticscore.clients.fetch import Page
from manticscore.lib import storable
from research.analyst import text as texts
from research.corpus import importing
from research.corpus.importing import Record
from research.web import weburls
from research.web.pagereader import Reading

MAX_TEXT = 6000  # characters kept; a page that says more repeats itself, and every sentence is embedded
MIN_WORDS = 40
MIN_SENTENCES = 3
MIN_LETTERS = 0.6  # share of letters and blanks in prose
MIN_ENGLISH = 0.15  # share of its stop words in English prose is 0.3 to 0.5
# Pages that are there for browsers, people or robots instead of the page that was asked for.
WALL = re.compile(
    r"\b(?:enable javascript|javascript is (?:disabled|required)|verify(?:ing)? you are (?:a )?human"
    r"|checking your browser|are you a robot|complete the captcha|access denied|request blocked"
    r"|page not found|404 not found|error 40[34]|subscribe to continue|(?:sign|log) in to continue"
    r"|domain (?:is )?for sale|this domain|site is under construction|just a moment)\b",
    re.IGNORECASE,
)
WALL_WITHIN = 400  # characters of the beginning
# An encyclopedia's article about a market or a word is no product.
PRODUCT = re.compile(
    r"\b(?:is|was|are|were) (?:an?|the)\b[^.]{0,120}\b(?:software|app|application|website|web site|service"
    r"|platform|company|startup|program|tool|library|framework|marketplace|network|system|product|suite|editor|client|game"
    r"|engine|browser|manager|tracker|provider|business|subsidiary|brand|corporation)\b",
    re.IGNORECASE,
)
SEPARATOR = re.compile(r"\s+[|\u2013\u2014\u00b7\u2022:-]\s+|: ")
# Of these what the page says is what it says today; the others tell of a day.
TIMELESS = frozenset({"product page", "repository", "documentation", "registry", "encyclopedia"})


class Junk(ValueError):
    """The page is nothing to learn from; the message says why."""


def judged(reading: Reading) -> Record | str:
    """The source that a reading makes, or why it makes none."""
    if reading.page is None:
        return str(reading.error)
    try:
        return record(reading.page, reading.found, reading.url)
    except Junk as error:
        return str(error)


def record(page: Page, found: Extracted | None, asked: str) -> Record:
    """The source a page makes, under the URL that was asked for. Raises Junk."""
    if found is None:
        raise Junk("no text could be found")
    content = worth_keeping(found.text)
    if not is_english(content):
        raise Junk("not in English")
    kind = weburls.kind(page.url, found.title)
    if kind == "encyclopedia" and not PRODUCT.search(content[:600]):
        raise Junk("not about a product")
    objection = storable.objection({"text": content, "title": found.title})
    if objection:
        raise Junk(objection)
    told = parse_day(found.published_on)
    today = page.fetched_at.date()
    return Record(
        key=weburls.key(asked)[: importing.MAX_ID],
        name=name(page.url, kind, found)[: importing.MAX_NAME],
        url=page.url,
        text=content,
        kind=kind,
        published_on=today if kind in TIMELESS else told,
        retrieved=True,
    )


def worth_keeping(text: str) -> str:
    """The beginning of the text up to a whole sentence. Raises Junk for walls, menus and scraps."""
    content = text.strip().replace("\u00a0", " ")
    if is_wall(content):
        raise Junk("the site shows something else to programs")
    spans = texts.sentences(content[: MAX_TEXT + texts.MAX_SENTENCE])
    kept = [span for span in spans if span.end <= MAX_TEXT]
    if len(kept) < MIN_SENTENCES or sum(len(span.text.split()) for span in kept) < MIN_WORDS:
        raise Junk("too little text")
    content = content[: kept[-1].end]
    prose = sum(char.isalpha() or char.isspace() for char in content)
    if prose < MIN_LETTERS * len(content):
        raise Junk("not prose")
    return content


def is_wall(text: str) -> bool:
    """Whether a site shows programs something else than the page."""
    return WALL.search(text[:WALL_WITHIN]) is not None


@lru_cache(maxsize=1)
def said(found: Extracted) -> tuple[str, ...]:
    """The sentences of a page, each once. Kept for the next call: all quotes of a page come in a row."""
    spans = [*texts.sentences(found.text), *texts.sentences(found.everything)]
    return tuple(dict.fromkeys(span.text for span in spans))


def is_english(text: str) -> bool:
    """By the share of English stop words, which no other language comes near."""
    words = texts.words(text)
    return sum(word in texts.STOP_WORDS for word in words) >= MIN_ENGLISH * max(1, len(words))


def name(url: str, kind: str, found: Extracted) -> str:
    """What the product is called, as far as the page tells."""
    title = " ".join(found.title.split())
    if kind == "repository":
        segments = [part for part in urlsplit(url).path.split("/") if part]
        return segments[1] if len(segments) > 1 else (segments or [title])[0]
    if kind == "encyclopedia":
        return re.sub(r"\s*\([^)]*\)$", "", SEPARATOR.split(title)[0]) or host(url)
    if kind in TIMELESS:
        return product_name(title, found.site, host(url))
    return title or found.site or host(url)


def product_name(title: str, site: str, place: str) -> str:
    """The part of the title that the host repeats, else what the site calls itself.

    "Mealie - Recipes for families" on mealie.io, "Plan your meals | Paprika" on paprikaapp.com.
    """
    label = texts.registrable_domain(f"https://{place}").partition(".")[0]
    squeezed = re.sub(r"\W", "", label).lower()
    named = "" if site.lower().removeprefix("www.") == place else site
    for part in (*SEPARATOR.split(title), named):
        plain = re.sub(r"\W", "", part).lower()
        if len(plain) >= 2 and (plain in squeezed or squeezed in plain) and len(part.split()) <= 4:
            return part.strip()
    return named or label.capitalize() or title


def host(url: str) -> str:
    return (urlsplit(url).hostname or "").removeprefix("www.")


def parse_day(value: str) -> datetime.date | None:
    try:
        return datetime.date.fromisoformat(value)
    except ValueError:
        return None
