"""What makes two wordings the same idea, and how an idea is named.

The key of an idea holds its words in their order: "sellers find buyers" is not "buyers find sellers".
What only glues words together is left out and inflections are undone, so that case, punctuation, plurals
and tenses make no difference. Derivations stay apart, because "organ" is not "organisation".
"""

from __future__ import annotations

import hashlib
import re
import unicodedata

from manticscore.lib.words import STOP_WORDS, stem, word_set, words

MAX_CLEAN_TITLE = 120
MAX_ONE_LINER = 200

# Words that stand in every list of stop words and yet turn an idea into another one.
TELLING = word_set(
    """
    no not nor never neither nothing none without within only except can't cannot don't doesn't isn't
    aren't won't above across after against all any before below between during each every few less
    many more most much off on out over self through under until up down
    """
)
# Nouns of their own, rather than forms of the verb.
NOUNS_IN_ING = word_set(
    """
    accounting advertising banking boarding building catering clothing coaching drawing engineering
    evening farming feeling fishing fitting gardening heating housing king lighting listing marketing
    meaning meeting morning nursing opening outing painting parking rating ring setting shipping spring
    string training wedding wing wiring
    """
)
INFLECTED = re.compile(r"(?:e|ed|ing)$")
ENDINGS = (
    (re.compile(r"'s$"), ""),
    (re.compile(r"(?<=..)ies?$"), "y"),
    (re.compile(r"(?:(?<=x)|(?<=ch)|(?<=sh)|(?<=ss)|(?<=us))es$"), ""),
    (re.compile(r"(?<=..[^sui])s$"), ""),
)
SENTENCE_END = re.compile(r"(?<=[.!?\u3002\uff01\uff1f])\s+|(?<=[\u3002\uff01\uff1f])")
INVISIBLE = ("Cc", "Cf", "Zl", "Zp")


def key(title: str, description: str = "") -> str:
    """The same for ideas that mean the same, as a SHA-256 in hex."""
    told, more = meaning(title), meaning(description)
    whole = more if more[: len(told)] == told else told + more
    content = " ".join(whole) or clean(f"{title} {description}").casefold()
    return hashlib.sha256(content.encode()).hexdigest()


def meaning(text: str) -> list[str]:
    """The words that an idea consists of, without inflection and in their order."""
    return [base(word) for word in words(text) if word not in STOP_WORDS or word in TELLING]


def base(word: str) -> str:
    """A word without its plural, genitive or tense."""
    for ending, instead in ENDINGS:
        singular = ending.sub(instead, word)
        if singular != word:
            word = singular
            break
    return stem(word) if INFLECTED.search(word) and word not in NOUNS_IN_ING else word


def clean(text: str) -> str:
    """One line: every run of white space a blank, no control or zero-width characters but joiners."""
    composed = unicodedata.normalize("NFC", " ".join(text.split()))
    shown = (c for c in composed if c in "\u200c\u200d" or unicodedata.category(c) not in INVISIBLE)
    return " ".join("".join(shown).split())


def clean_title(title: str) -> str:
    """A title as a heading: on one line, without a full stop, shortened between words."""
    return shortened(clean(title).rstrip(" .,;:"), MAX_CLEAN_TITLE) or clean(title)


def one_liner(title: str, description: str) -> str:
    """The idea in a sentence: the first of the description, or else the title."""
    first = SENTENCE_END.split(clean(description), maxsplit=1)[0].strip()
    return shortened(first or clean(title), MAX_ONE_LINER)


def shortened(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    return text[:limit].rsplit(" ", 1)[0][: limit - 1].rstrip(" ,;:-") + "…"
