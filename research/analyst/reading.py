"""What a sentence says about a topic: it states it, denies it, is glad to be without, or leaves it open.

Silence is unknown, never absence.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from research.analyst.text import STOP_WORDS, content_words, stem, words

Mark = Literal["stated", "denied", "spared", "unsure"]
Key = tuple[str, ...]

SCOPE_WORDS = 9
LIST_ITEM_WORDS = 5
GAP_WORDS = 2


def _listed(words: str) -> frozenset[str]:
    return frozenset(words.split())


_BREAK = re.compile(
    r"[,;:()\u2013\u2014]"
    r"|\b(?:but|although|though|while|whereas|because|since|so|except|yet|which|until|unless)\b",
    re.IGNORECASE,
)
# Who says "has no X" regrets it, who says "without X" or "needs no X" boasts of it.
_LACKING = _listed(
    """
    no not lack lacks lacked lacking missing misses never neither nor none nothing cannot can't doesn't
    don't isn't aren't won't wasn't hasn't haven't
    """
)
_BEING = _listed("is are was were be also still it's")
_SPARING = _listed("without avoid avoids avoiding")
# "Little grammar" neither has grammar nor is without it.
_SCANTY = _listed("little few hardly barely")
_NOT_SCANTY_AFTER = _listed("a as so")
_SPARED_NO = re.compile(
    r"\b(?:needs?|requires?|requiring|with|sets?|uses?|stores?|collects?|adds?|charges?|shows?) no\b"
    r"|\b(?:does not|doesn't|do not|never) (?:need|require|collect|sell|charge|fingerprint)\b"
    r"|\bno need (?:for|to)\b|\b(?:is|are) (?:not|never|no longer) (?:needed|required|necessary)\b"
    r"|\bno [\w -]{1,40} (?:is|are) (?:needed|required|necessary)\b|\bleav(?:e|es|ing) out\b",
    re.IGNORECASE,
)
_PREPOSITIONS = _listed("for in on of to with from between at by than as into about over when where who")
_REACHES_THROUGH = frozenset(
    stem(word)
    for word in _listed(
        """
        support option way integration integrate ability able access connection connect sync possibility
        lack allow means function feature equivalent tools available replacement
        """
    )
)
# Said of something else, of a day to come, or of what the user must bring: neither stated nor denied.
_ELSEWHERE = re.compile(
    r"\b(?:instead of|rather than|unlike|planned|roadmap|coming soon|compared with|wish(?:es)? for"
    r"|(?:needs?|requires?|(?:is|are) needed)(?! no\b)|relies on|rely on|depends? on)\b",
    re.IGNORECASE,
)
_NOT_NEGATION = re.compile(
    r"\b(?:not (?:only|just|merely)|no (?:matter|doubt|longer than|more than|later than)|whether or not"
    r"|if not|not to mention)\b",
    re.IGNORECASE,
)
_DENIED_AFTER = re.compile(
    r"\b(?:(?:is|are|was|were) (?:still |entirely )?(?:missing|unavailable|absent|lacking)"
    r"|(?:(?:is|are|was|were) not|isn't|aren't)"
    r" (?:supported|available|included|offered|possible|provided))\b",
    re.IGNORECASE,
)
# "The free plan is missing X" and "no X of its own" limit a product; they do not deny that it has X.
_PARTIAL = re.compile(
    r"\b(?:free|basic|starter|lower|cheapest|cheaper|entry|community|self-hosted|personal|home)"
    r" (?:\w+ )?(?:plan|plans|tier|tiers|edition|editions|version|versions|level|licence)\b"
    r"|\bwithout (?:paying|leaving|much|any|writing|losing|opening|having|knowing)\b"
    r"|\bof (?:its|their) own\b|\bas \w+(?: \w+)? as\b|\bof any depth\b|\bof the kind\b",
    re.IGNORECASE,
)
_OWN_SUBJECT = _listed("it they this that users people you is are can has have")
# Ends in -less, but takes nothing away.
_NOT_LESS = _listed(
    """
    contactless effortless endless headless less limitless nevertheless nonetheless priceless regardless
    seamless serverless timeless unless wireless
    """
)
_CONDITION_ENDINGS = _listed(
    "friendly first focused oriented based centric minded conscious aware driven ready"
)
# What buyers are glad to be spared, however the sentence puts it.
_BURDENS = frozenset(
    stem(word)
    for word in _listed(
        """
        account ad ads advert advertisement advertising banner commission cookie cookies fee fees
        fingerprint fingerprints ip lock-in registration signup subscription tracker trackers watermark
        watermarks
        """
    )
)


@dataclass(frozen=True, slots=True)
class Token:
    """A word of a sentence: its stem, its clause, and what the sentence does with it."""

    word: str
    stem: str
    clause: int
    mark: Mark


@lru_cache(maxsize=16384)
def read(sentence: str) -> tuple[Token, ...]:
    """The words of a sentence with the reach of its negations.

    1. A negation reaches to the end of its clause, at most SCOPE_WORDS words. Sparing ones
       ("without X", "needs no X", "X-less") are told from lacking ones ("has no X").
    2. Behind a preposition it is unsure: "no calories for saved recipes" does not deny recipes.
       "No support for X" and the like reach through.
    3. It goes on through the short items of a list: "no ads, trackers or accounts"; what else
       follows behind a comma without a subject of its own is unsure.
    4. "X is missing" and "X is not supported" deny the whole clause.
    5. What is said of other products, of cheaper plans or of the future is unsure, and so is what
       there is little of.
    """
    partial = _PARTIAL.search(sentence) is not None
    clauses = _clauses(_NOT_NEGATION.sub(" ", sentence))
    tokens: list[Token] = []
    before: Mark = "stated"
    for number, (separator, clause) in enumerate(clauses):
        parts = parts_of(clause)
        if separator != ",":
            before = "stated"
        marks = _marks(clause, parts, _inherited(before, parts, clauses[number:]))
        before = next((mark for mark in marks if mark in {"denied", "spared"}), "stated")
        for (word, _), mark in zip(parts, marks, strict=True):
            tokens.append(Token(word, stem(word), number, "unsure" if partial and mark == "denied" else mark))
    return tuple(tokens)


def _clauses(sentence: str) -> list[tuple[str, str]]:
    """Pieces between breaks, each with the break before it."""
    pieces = []
    separator, start = "", 0
    for match in [*_BREAK.finditer(sentence), None]:
        end = match.start() if match else len(sentence)
        if sentence[start:end].strip():
            pieces.append((separator, sentence[start:end]))
        elif separator == "," and match:
            # "..., but ..." is one break, and "but" is the telling part of it.
            separator = ""
        if match:
            separator, start = match[0].lower(), match.end()
    return pieces


def parts_of(text: str) -> list[tuple[str, bool]]:
    """Words, compounds taken apart, and whether the word itself takes its meaning away."""
    parts: list[tuple[str, bool]] = []
    for word in words(text):
        base = _spared_base(word)
        pieces = (base or word).split("-")
        if len(pieces) > 1 and pieces[-1] in _CONDITION_ENDINGS:
            pieces = pieces[:-1]
        parts += [(piece, base is not None) for piece in pieces if piece]
    return parts


def _spared_base(word: str) -> str | None:
    """What a word says there is none of: "cookie" for "cookieless", "ad" for "ad-free"."""
    if word.endswith("-free"):
        return word.removesuffix("-free")
    if word.endswith("less") and len(word) > 7 and word not in _NOT_LESS:
        return word.removesuffix("less").removesuffix("-")
    return None


def _inherited(before: Mark, parts: Sequence[tuple[str, bool]], rest: Sequence[tuple[str, str]]) -> Mark:
    """What a negation in the clause before makes of this one."""
    said = {word for word, _ in parts}
    if before == "stated" or said & _OWN_SUBJECT:
        return "stated"
    closes = any(re.search(r"(?:^|\s)(?:n?or|and)\s", piece) for _, piece in rest)
    return before if closes and len(parts) <= LIST_ITEM_WORDS else "unsure"


def _marks(clause: str, parts: Sequence[tuple[str, bool]], inherited: Mark) -> list[Mark]:
    marks: list[Mark] = ["spared" if spared else "stated" for _, spared in parts]
    if _DENIED_AFTER.search(clause):
        return ["denied"] * len(marks)
    if inherited != "stated":
        marks = [inherited] * len(marks)
    spares = _SPARED_NO.search(clause) is not None
    for start, (word, _) in enumerate(parts):
        if word == "missing" and (not start or parts[start - 1][0] not in _BEING):
            # "Shows missing bills" misses nothing.
            continue
        if word in _SPARING or word in _LACKING or (word == "leave" and spares):
            _reach(marks, parts, start, "spared" if spares or word in _SPARING else "denied")
        elif word in _SCANTY and (not start or parts[start - 1][0] not in _NOT_SCANTY_AFTER):
            _reach(marks, parts, start, "unsure")
    elsewhere = _ELSEWHERE.search(clause)
    limit = len(parts_of(clause[: elsewhere.start()])) if elsewhere else len(marks)
    return marks[:limit] + ["unsure"] * (len(marks) - limit)


def _reach(marks: list[Mark], parts: Sequence[tuple[str, bool]], start: int, mark: Mark) -> None:
    for place in range(start, min(len(marks), start + 1 + SCOPE_WORDS)):
        previous = parts[place - 1][0] if place - 1 > start else ""
        through = previous == "such" or stem(previous) in _REACHES_THROUGH
        if parts[place][0] in _PREPOSITIONS and not through:
            mark = "unsure"
        marks[place] = mark


@dataclass(frozen=True, slots=True)
class Term:
    """Words that speak of a topic. For a `flipped` one ("no cookies") a denial fulfils the wish."""

    text: str
    key: Key
    flipped: bool = False


def term(text: str) -> Term:
    """How to look for a phrase: "cookieless tracking" and "without cookies" both mean no cookie."""
    parts = parts_of(text)
    spared = tuple(stem(word) for word, is_spared in parts if is_spared)
    if spared:
        return Term(text, spared, flipped=True)
    content = set(content_words(" ".join(word for word, _ in parts)))
    flipped = any(word in _LACKING | _SPARING for word, _ in parts)
    return Term(text, tuple(stem(word) for word, _ in parts if word in content), flipped)


def find(tokens: Sequence[Token], wanted: Term) -> Mark | None:
    """What a sentence does with a term: stated anywhere, else spared, else denied, None if absent."""
    if len(wanted.key) == 1 and not wanted.flipped:
        tokens = _whole_word(tokens, _last_part(wanted.text))
    found = {_mark_of(hits) for hits in _windows(tokens, wanted.key)}
    if "denied" in found and _BURDENS & set(wanted.key):
        found.add("spared")
    order: tuple[Mark, ...] = ("stated", "spared", "denied")
    return next((mark for mark in order if mark in found), None)


def _whole_word(tokens: Sequence[Token], word: str) -> list[Token]:
    """Where a word stands in singular or plural, unsure where it only qualifies what is denied.

    Stems alone would take "does not serve" for "servings"; "no bill negotiation" denies no bills.
    """
    wanted = forms(word)
    found = []
    for token, after in zip(tokens, [*tokens[1:], None], strict=True):
        if wanted & forms(token.word):
            heads = after is None or after.clause != token.clause or after.word in STOP_WORDS
            found.append(token if heads or token.mark != "denied" else replace(token, mark="unsure"))
    return found


def _windows(tokens: Sequence[Token], key: Key) -> Iterator[list[Token]]:
    """Groups of words that hold the whole key close together in one clause."""
    for start, token in enumerate(tokens):
        if token.stem in key:
            window = tokens[start : start + len(key) + GAP_WORDS]
            hits = {t.stem: t for t in reversed(window) if t.stem in key and t.clause == token.clause}
            if len(hits) == len(set(key)):
                yield list(hits.values())


def _mark_of(hits: Iterable[Token]) -> Mark:
    marks = {token.mark for token in hits}
    order: tuple[Mark, ...] = ("unsure", "denied", "spared")
    return next((mark for mark in order if mark in marks), "stated")


@lru_cache(maxsize=4096)
def _last_part(text: str) -> str:
    return parts_of(text)[-1][0]


def forms(word: str) -> set[str]:
    """The word and what it would be if it were a plural."""
    forms = {word}
    if word.endswith("s") and not word.endswith("ss"):
        forms.add(word[:-1])
    if word.endswith("es"):
        forms.add(word[:-2])
    if word.endswith("ies"):
        forms.add(f"{word[:-3]}y")
    return forms
