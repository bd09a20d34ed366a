"""Words of a text: how they are told apart, which of them carry meaning, and their stems.

Offsets are counted in code points of the text handed in, so `text[start:end]` always works.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from snowballstemmer import EnglishStemmer


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a text; `text_it_came_from[start:end] == text`."""

    start: int
    end: int
    text: str


def word_set(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


STOP_WORDS = word_set(
    """
    a about above across after again against all almost along already also although always am
    among an and another any anyone anything are aren't around as at away be became because
    become becomes been before being below between both but by can can't cannot could couldn't
    did didn't do does doesn't doing don't done down during each either else etc even ever every
    everyone everything few for from further had has hasn't have haven't having he her here hers
    herself him himself his how however i i'd i'll i'm i've if in instead into is isn't it it's
    its itself just least less like likewise many may me might mine more most much must my
    myself neither never no nor not nothing now of off often on once one only onto or other
    others our ours ourselves out over own per perhaps quite rather really same shall she should
    shouldn't since so some someone something sometimes soon still such than that that's the
    their theirs them themselves then there there's therefore these they they're this those
    though through throughout thus to together too toward towards under until up upon us very
    via was wasn't we we're we've were weren't what what's whatever when where whereas whether
    which while who whole whom whose why will with within without won't would wouldn't yet you
    you'd you'll you're you've your yours yourself yourselves
    """
)

_MARKS = "".join(chr(code) for code in range(0x300, 0x10000) if unicodedata.category(chr(code))[0] == "M")
_LETTERS = rf"[\w{re.escape(_MARKS)}]+"
_SUFFIX = r"\.(?i:js|io|net|ai|com|org|dev|app|py|ts|rs)\b"
_WORD = re.compile(
    rf"(?<!\w)\.(?i:net)\b|{_LETTERS}(?:[-\u2010\u2011'\u2019&]{_LETTERS}|(?<=\d)\.\d+|{_SUFFIX})*(?:\+\+|\#(?!\w))?"
)
_UNSPACED_SCRIPTS = re.compile(
    r"[\u3041-\u309f]+|[\u30a0-\u30ff\u31f0-\u31ff]+|[\u3005-\u3007\u3400-\u9fff\uf900-\ufaff]+"
    r"|[^\u3005-\u3007\u3041-\u30ff\u31f0-\u31ff\u3400-\u9fff\uf900-\ufaff]+"
)
_TYPOGRAPHIC = str.maketrans({"\u2019": "'", "\u2010": "-", "\u2011": "-"})


def folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).lower().replace("_", " ")


def tokens(text: str) -> Iterator[Span]:
    """Words as written, with their place; typographic hyphens and apostrophes come out plain.

    Japanese and Chinese put no blanks between words: there a change of script ends a word.
    """
    for match in _WORD.finditer(text):
        for piece in _UNSPACED_SCRIPTS.finditer(match[0]):
            start = match.start() + piece.start()
            yield Span(start, start + len(piece[0]), piece[0].translate(_TYPOGRAPHIC))


def words(text: str) -> list[str]:
    """Lower-case word tokens in reading order; "to-do", "c++", "node.js" and "2fa" stay whole."""
    return [token.text for token in tokens(folded(text))]


def is_content(word: str) -> bool:
    """Whether a lower-case word carries meaning: no stop word, no single ASCII character."""
    return word not in STOP_WORDS and not (len(word) == 1 and word.isascii())


def content_words(text: str) -> list[str]:
    """The words of `text` that carry meaning, in reading order, repeats included."""
    return [word for word in words(text) if is_content(word)]


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """Snowball English stem of one lower-case word."""
    # A stemmer keeps the word it works on in itself: a shared one would mix up threads.
    return str(EnglishStemmer().stemWord(word))


def stems(text: str) -> list[str]:
    """Stems of the content words, in reading order, repeats included."""
    return [stem(word) for word in content_words(text)]
