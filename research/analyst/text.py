"""Words, sentences, phrases and addresses: the text rules every analyst stage shares.

Offsets are counted in code points of the text handed in, so `text[start:end]` always works.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from ipaddress import ip_address
from urllib.parse import SplitResult, parse_qs, urlsplit

import numpy as np

from manticscore.lib.words import (
    STOP_WORDS,
    Span,
    content_words,
    folded,
    is_content,
    stem,
    stems,
    tokens,
    word_set,
    words,
)
from research.analyst.sites import OWNER_SEGMENTS

__all__ = ["STOP_WORDS", "Span", "content_words", "is_content", "stem", "stems", "tokens", "words"]

MAX_SENTENCE = 600
MAX_PHRASE_WORDS = 4
SHINGLE_WORDS = 3

# Inflected verbs that glue noun phrases together in product texts. Forms that are as often
# nouns ("support", "search", "schedule") stay out, or they would cut "customer support".
LINKING_VERBS = word_set(
    """
    add adds adding allow allowed allows allowing ask asks avoid avoids based become becoming
    bring brings bringing built called comes connect connecting connects consider create created
    creates creating
    designed do eliminate enable enables enabling ensure ensures featuring find finding
    finds focused follow follows gets getting give gives giving go goes going handle handles
    handling has help helped helping helps include included includes including keep keeping
    keeps know knows learn learns let lets letting look looking looks made make makes making
    manage manages managing meant need needed needs offer offered offering offers pick provide
    provided provides providing put puts replace replaces replacing run running runs save saves
    see seeing sees send sending sends shares show showing shows starts stay stays
    suggest suggests supported supporting supports take taken takes taking tell tells
    think tries try trying turn turning turns used uses use using want wants working works
    """
)

# --- Sentences -------------------------------------------------------------------------------

_LINE = re.compile(r"[^\r\n\v\f\x85\u2028\u2029]+")
_BULLET = re.compile(r"\s*(?:[-*+\u2022\u2023\u25aa\u25cf\u25e6\u2043\u00b7\u2013\u2014]|\d{1,3}[.)])\s+")
# Texts come from strangers. Nothing here may look at a character more than a few times: quantifiers are
# possessive, a run of stops is entered only where it begins, and a look back has an end.
_STOPS = r"[.!?\u2026\u061f\u06d4\u0964]"
_STOP = re.compile(rf"(?<!{_STOPS}){_STOPS}++[\"'\u2019\u201d\u00bb)\]]*+(?=\s)|[\u3002\uff01\uff1f]++")
_LAST_WORD = re.compile(r"[^\W\d_]++(?:\.[^\W\d_]++)*+$")
_LOOK_BACK = 30  # characters; no abbreviation is longer
_FOLLOWING = re.compile(r"\s*+(\S?)")
_NEVER_FINAL = word_set("e.g i.e vs mr mrs ms dr prof st approx cf al ca resp esp incl")
_SELDOM_FINAL = word_set("etc inc ltd corp co llc gmbh u.s u.k a.m p.m jr sr")
_BEFORE_NUMBER = word_set("no nr fig vol p pp")


def _ends_sentence(line: str, stop: re.Match[str]) -> bool:
    end = stop.start()
    before = _LAST_WORD.search(line, max(0, end - _LOOK_BACK), end) if stop[0] == "." else None
    if before is None:
        return True
    word, following = before[0].lower(), _FOLLOWING.match(line, stop.end())[1]  # type: ignore[index]
    if word in _NEVER_FINAL or (len(word) == 1 and before[0].isupper()):
        return False
    if word in _BEFORE_NUMBER:
        return not following.isdigit()
    return word not in _SELDOM_FINAL or not following.islower()


def _pieces(line: str) -> Iterator[tuple[int, int]]:
    bullet = _BULLET.match(line)
    start = bullet.end() if bullet else 0
    for stop in _STOP.finditer(line, start):
        if _ends_sentence(line, stop):
            yield start, stop.end()
            start = stop.end()
    yield start, len(line)


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    piece = text[start:end]
    start += len(piece) - len(piece.lstrip())
    return start, start + len(piece.strip())


def _cut(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """At most MAX_SENTENCE characters each, cut at the last space that allows it."""
    while end - start > MAX_SENTENCE:
        limit = start + MAX_SENTENCE
        space = next((at for at in range(limit, start, -1) if text[at].isspace()), limit)
        yield _trimmed(text, start, space)
        start, _ = _trimmed(text, space, end)
    yield start, end


def sentences(text: str) -> list[Span]:
    """Sentences in order, trimmed, at most 600 characters each.

    A line break always ends a sentence, and list markers belong to none. Stretches without a
    letter or digit are left out.
    """
    found = []
    for line in _LINE.finditer(text):
        for start, end in _pieces(line[0]):
            for a, b in _cut(text, *_trimmed(text, line.start() + start, line.start() + end)):
                if any(char.isalnum() for char in text[a:b]):
                    found.append(Span(a, b, text[a:b]))
    return found


# --- Phrases ---------------------------------------------------------------------------------

_SPACE = re.compile(r"[^\S\r\n]+")


def _runs(content: str) -> Iterator[list[str]]:
    """Runs of content words that nothing but blanks separates."""
    run: list[str] = []
    end = 0
    for token in tokens(content):
        if run and not _SPACE.fullmatch(content, end, token.start) and end != token.start:
            yield run
            run = []
        if is_content(token.text) and token.text not in LINKING_VERBS:
            run.append(token.text)
        elif run:
            yield run
            run = []
        end = token.end
    if run:
        yield run


def _chunks(run: list[str]) -> list[list[str]]:
    """At most MAX_PHRASE_WORDS each, counted from the end: English keeps the head word last."""
    first = len(run) % MAX_PHRASE_WORDS
    starts = ([0] if first else []) + list(range(first, len(run), MAX_PHRASE_WORDS))
    return [run[a:b] for a, b in zip(starts, [*starts[1:], len(run)], strict=True)]


def phrases(text: str) -> list[str]:
    """Candidate noun phrases of 1 to 4 lower-case words, in reading order, repeats included.

    The words between stop words, linking verbs and punctuation, as in RAKE (Rose et al. 2010)
    and SAFE (Johann et al. 2017). Phrases of digits alone are left out.
    """
    chunks = [" ".join(chunk) for run in _runs(folded(text)) for chunk in _chunks(run)]
    return [chunk for chunk in chunks if any(char.isalpha() for char in chunk)]


# --- Quotes ----------------------------------------------------------------------------------


def normalise_space(text: str) -> str:
    """Every run of white space as one blank, none at the ends."""
    return " ".join(text.split())


def locate(quote: str, text: str) -> tuple[int, int] | None:
    """Where `quote` first stands in `text`, exactly or else up to white-space differences.

    The offsets satisfy `normalise_space(text[a:b]) == normalise_space(quote)`.
    """
    wanted = quote.strip()
    if not wanted:
        return None
    at = text.find(wanted)
    if at >= 0:
        return at, at + len(wanted)
    match = re.search(r"\s+".join(map(re.escape, wanted.split())), text)
    return match.span() if match else None


# --- Near duplicates -------------------------------------------------------------------------


def simhash(text: str) -> int:
    """64-bit fingerprint over word 3-shingles (Charikar 2002); texts without words give 0."""
    found = words(text)
    if not found:
        return 0
    count = max(1, len(found) - SHINGLE_WORDS + 1)
    shingles = (" ".join(found[at : at + SHINGLE_WORDS]) for at in range(count))
    digests = b"".join(hashlib.blake2b(s.encode(), digest_size=8).digest() for s in shingles)
    bits = np.unpackbits(np.frombuffer(digests, dtype=np.uint8).reshape(count, 8), axis=1)
    majority = 2 * bits.sum(axis=0, dtype=np.int64) > count
    return int.from_bytes(np.packbits(majority).tobytes(), "big")


def hamming(a: int, b: int) -> int:
    """In how many bits two fingerprints differ."""
    return (a ^ b).bit_count()


# --- Addresses -------------------------------------------------------------------------------

_SECOND_LEVEL = frozenset({"co", "com", "org", "net", "gov", "ac", "edu"})

# Hosts that give every owner a label of their own.
_OWNER_LABELS = word_set(
    """
    github.io gitlab.io codeberg.page sourceforge.io sourceforge.net readthedocs.io netlify.app
    vercel.app pages.dev web.app herokuapp.com blogspot.com wordpress.com substack.com notion.site
    """
)


def _split(url: str) -> SplitResult | None:
    address = url.strip()
    try:
        parts = urlsplit(address if "://" in address else f"//{address.removeprefix('//')}")
        return parts if parts.hostname else None
    except ValueError:
        return None


def _is_ip(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _store_id(host: str, parts: SplitResult, segments: list[str]) -> str | None:
    """App stores name the app in the query or after the country, not in the first segments."""
    if host == "play.google.com":
        return next(iter(parse_qs(parts.query).get("id", [])), None)
    if host == "apps.apple.com":
        return next((s for s in segments if re.fullmatch(r"id\d+", s)), None)
    return None


def _owner(host: str, parts: SplitResult) -> str:
    segments = [segment for segment in parts.path.lower().split("/") if segment]
    app = _store_id(host, parts, segments)
    if app:
        return f"{host}/{app.lower()}"
    owner = segments[: OWNER_SEGMENTS[host]]
    return "/".join([host, *owner]).removesuffix(".git")


def _site(host: str) -> str:
    labels = host.split(".")
    parent = ".".join(labels[-2:])
    nested = len(labels[-1]) == 2 and len(labels) > 2 and labels[-2] in _SECOND_LEVEL
    return ".".join(labels[-3:]) if nested or parent in _OWNER_LABELS else parent


def registrable_domain(url: str) -> str:
    """Who stands behind an address: "example.co.uk", "github.com/owner/repo", "owner.github.io".

    A fixed list of shared hosts and second-level names stands in for the public suffix list.
    Something that is no address gives "".
    """
    parts = _split(url)
    if parts is None or parts.hostname is None:
        return ""
    host = parts.hostname.rstrip(".").removeprefix("www.")
    if host in OWNER_SEGMENTS:
        return _owner(host, parts)
    return host if _is_ip(host) else _site(host)
