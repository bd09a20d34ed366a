"""What products claim: feature phrases found in their sentences, clustered, as a matrix.

A sentence states a feature, denies it ("has no web app"), or says nothing about it. Silence is
unknown, never absence.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import numpy as np

from research.analyst import changes, quotes
from research.analyst.documents import Document, Embed, Passage, Vector
from research.analyst.judging import CORE_COSINE, head_stem
from research.analyst.players import Entity, core
from research.analyst.quotes import Role
from research.analyst.text import STOP_WORDS, content_words, phrases, stem, stems, words
from research.schemas import Cell, Competitor, Facet, Feature, Quote

State = Literal["present", "absent", "unknown"]
Mark = Literal["stated", "denied", "spared", "unsure"]
Key = tuple[str, ...]

MAX_PHRASES = 250
MAX_FEATURES = 16
MAX_DISTANCE = 0.52
MIN_RELEVANCE = 0.1
MIN_LIFT = 0.3
MIN_ENTITIES = 2
MIN_FOR_ONE_WORD = 3
# A word that this share of the products use is what the market is about, not a feature in it.
MARKET_WORD = 0.7
MAX_LABEL_WORDS = 6
MAX_QUOTES = 3
# A sentence states a feature when it says it in words, or comes this close to its meaning:
# the lower bound needs a shared word as well.
CLOSE_WITH_SHARED_WORD = 0.55
CLOSE = 0.66
# The judge lets products in by the core's cosine or by its head word: then less cosine will do.
CORE_WITH_HEAD = 0.38
SAME_AS_FACET = 0.75
# Clusters hold related phrases; only those this close to the label may stand for it.
SAME_AS_LABEL = 0.66
IN_WORDS = 1.0
SCOPE_WORDS = 9
LIST_ITEM_WORDS = 5
GAP_WORDS = 2


def _listed(words: str) -> frozenset[str]:
    return frozenset(words.split())


# Words that name no capability on their own: containers, buyers, prices and praise.
VAGUE = _listed(
    """
    ability account accounts add-on addition additional advanced aim android answer app application
    approach area audience available based basic basics beginner best better big browser business
    businesses button buyer capability catalogue category cent cheap client clients closer cloud
    collection common community companies company competitor complete computer consumer content core
    cost costs country customer customers day days deep desktop detail detailed developer developers
    device devices different digital direct easy edition effort element employee engine enough
    enterprise entire entry euro europe european everyday example existing experience expensive extra
    family fast feature features few figure first fit fixed focus form format founder free freelancer
    freelancers friendly full function functionality functions general global good google group groups
    hand hands help high higher home hour hours household idea important individual individuals industry
    instance interface ios ipad iphone item items job kind kinds large larger later launch level library
    licence license light like limit limited line linux little local long look lot low mac macos main
    maker many market member members method minimal minute minutes mobile model modern modest money
    month monthly months name native need needs new newer news normal number numbers office official old
    older online open operating option options order organisation organisations organization
    organizations own owner owners page pages paid part parts party people person personal phone phones
    place places plain plan plans platform platforms player plus point popular power powerful practical
    premium price prices pricing private pro problem process product products professional professionals
    profile program project projects provider public purchase purpose quality question quick range
    reader real reason record region regular result results review reviewer reviewers rich right rival
    rivals rule same sale section self-service seller sense serious server servers service services set
    setting settings setup several shared shop short simple simpler single site sites size small smaller
    software solo solution something sort special specialist staff standard start starter startups
    states step steps store strong student style subscription suit suite support system systems tablet
    tablets tap task team teams technical term terms text thing things third-party thousand tier time
    times tool tools top tracker trial type types unit united unlimited usage use useful user users
    value variety vendor version versions visual way ways web webpage website websites week weekly weeks
    whole wide window windows word words work world worth year yearly years young apple samsung
    microsoft amazon afternoon evening morning night today weekend weekday
    """
)
# Openers and closers that add nothing to a label: "optional two-way sync" is "two-way sync".
EDGES = _listed(
    """
    additional available basic built-in certain complete current deep different easy entire everyday
    existing extensive flexible free full fully further good great handy large large-scale limited main
    modern multiple native new official older optional ordinary own paid plain popular powerful proper
    regular rich same second selected separate several similar simple simpler single small special
    specific strong third true typical unlimited useful various wide one two three four five six ten
    user users added support supports missing lacking based such only well better best entirely easily quickly
    automatically directly clearly completely usually still back able fast clear clean detailed
    large-type
    """
)
_NEEDS_MODIFIER = _listed("data information list lists file files view views guide screen goal")
_PLURAL_MODIFIERS = _listed("sales news sports savings operations goals bookings rewards sms ios")
_DETERMINERS = _listed("a an the your its their it them each every any all this these those his her")
_SUBJECTS = _listed(
    "it they who users members people customers players readers you we can will to could may must"
)


# --- Reading a sentence ------------------------------------------------------------------------

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
    r"|(?:needs?|requires?)(?! no\b)|relies on|rely on|depends? on)\b",
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
    5. What is said of other products, of cheaper plans or of the future is unsure.
    """
    partial = _PARTIAL.search(sentence) is not None
    clauses = _clauses(_NOT_NEGATION.sub(" ", sentence))
    tokens: list[Token] = []
    before: Mark = "stated"
    for number, (separator, clause) in enumerate(clauses):
        parts = _parts(clause)
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


def _parts(text: str) -> list[tuple[str, bool]]:
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
    elsewhere = _ELSEWHERE.search(clause)
    limit = len(_parts(clause[: elsewhere.start()])) if elsewhere else len(marks)
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
    parts = _parts(text)
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
    forms = _forms(word)
    found = []
    for token, after in zip(tokens, [*tokens[1:], None], strict=True):
        if forms & _forms(token.word):
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


def _last_part(text: str) -> str:
    return _parts(text)[-1][0]


def _forms(word: str) -> set[str]:
    """The word and what it would be if it were a plural."""
    forms = {word}
    if word.endswith("s") and not word.endswith("ss"):
        forms.add(word[:-1])
    if word.endswith("es"):
        forms.add(word[:-2])
    if word.endswith("ies"):
        forms.add(f"{word[:-3]}y")
    return forms


# --- Where sentences come from -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Line:
    """A sentence of a product's source; `tokens` are its words without the product's own name."""

    entity: Entity
    document: Document
    passage: Passage
    weight: float
    tokens: tuple[Token, ...]

    def quote(self, role: Role = "support") -> Quote:
        return quotes.build(self.document, self.passage.start, self.passage.end, self.weight, role)


def lines(entities: Iterable[Entity]) -> list[Line]:
    """Every sentence of every product, products by id and sources by weight."""
    found = []
    for entity in entities:
        # "Streaks has widgets" does not say that the product Streaks counts streaks.
        own = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, entity.names))})(?!\w)")
        found += [
            Line(entity, document, passage, judgement.weight, read(own.sub("it", passage.text)))
            for document, judgement in entity.sources
            for passage in document.passages
        ]
    return found


@dataclass(frozen=True, slots=True)
class Background:
    """How many of the corpus's `size` documents contain each stem."""

    size: int
    frequencies: Mapping[str, int]


# --- Candidate phrases -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Phrase:
    """A claimed capability, spelled as most often; `entities` are the products that discuss it."""

    key: Key
    text: str
    entities: frozenset[str]
    lift: float

    @property
    def score(self) -> float:
        return self.lift * len(self.entities)


_COMPANY_FACT = re.compile(
    r"\b(?:founded|headquarter|based in|owned by|acquired|bought|raised|funding|employees|renamed|investors?"
    r"|was (?:created|started|launched|developed|made) |is (?:made|developed|maintained|run|built) by"
    r"|launched in|began (?:as|in)|design award|grew out of|start-up|successor|former|comes from)\b"
    r"|\b(?:19|20)\d\d\b",
    re.IGNORECASE,
)


_AUDIENCE = re.compile(
    r"\b(?:(?:is|was) (?:\w+ )?"
    r"(?:(?:made|aimed|designed|meant|intended|built|targeted|best|ideal) )?(?:for|at)"
    r"|suits|serves|appeals to|fits|targets|caters to)\s",
    re.IGNORECASE,
)


def candidates(found: Sequence[Line], background: Background, categories: Iterable[str] = ()) -> list[Phrase]:
    """Phrases that set these products apart from the corpus, best first."""
    banned = _Banned(found, categories)
    spellings: dict[Key, Counter[str]] = defaultdict(Counter)
    holders: dict[Key, set[str]] = defaultdict(set)
    for line in found:
        for text in _line_phrases(line, banned):
            key = tuple(stem(word) for word in text.split())
            spellings[key][text] += 1
            holders[key].add(line.entity.id)
    documents = len({line.document.id for line in found})
    result = [
        Phrase(key, _spelling(spellings[key]), frozenset(ids), _lift(key, len(ids), documents, background))
        for key, ids in holders.items()
    ]
    result = [phrase for phrase in result if phrase.lift > 0 and _telling(phrase, banned)]
    return sorted(result, key=lambda phrase: (-phrase.score, phrase.key))[:MAX_PHRASES]


def _telling(phrase: Phrase, banned: _Banned) -> bool:
    """One word is a feature only when several products use it, and so is a market's own word with
    something before it: "ready meals"."""
    head = phrase.text.split()[-1]
    if len(phrase.key) == 1:
        return (
            len(phrase.entities) >= MIN_FOR_ONE_WORD
            and not banned.common(head)
            and head not in _NEEDS_MODIFIER
        )
    return len(phrase.entities) >= MIN_ENTITIES or not banned.common(head)


def _spelling(counts: Counter[str]) -> str:
    return min(counts, key=lambda text: (-counts[text], len(text), text))


def _lift(key: Key, holders: int, documents: int, background: Background) -> float:
    """Log-odds of the phrase here against the rest of the corpus.

    A phrase is at most as frequent as its rarest word, which stands in for its own frequency.
    """
    everywhere = min((background.frequencies.get(part, 0) for part in key), default=0)
    outside = max(0, everywhere - holders)
    others = max(1, background.size - documents)
    inside_odds = (holders + 0.5) / (max(0, documents - holders) + 0.5)
    outside_odds = (outside + 0.5) / (max(0, others - outside) + 0.5)
    return round(math.log(inside_odds / outside_odds), 6)


class _Banned:
    """What cannot be a feature in this market: product names, category names, verbs, vague words."""

    def __init__(self, found: Sequence[Line], categories: Iterable[str]) -> None:
        self.names = sorted(
            {name for line in found for name in line.entity.names}, key=lambda name: (-len(name), name)
        )
        self.pattern = re.compile(
            rf"(?<!\w)(?:{'|'.join(map(re.escape, self.names))})(?:'s)?(?!\w)" if self.names else r"(?!)"
        )
        self.category = frozenset(part for name in categories for part in stems(name.replace("-", " ")))
        self.market = _market_words(found)
        self.verbs = _verbs(line.passage.text for line in found)
        self.proper = _proper_nouns(line.passage.text for line in found)

    def without_names(self, sentence: str) -> str:
        return self.pattern.sub(";", sentence)

    def common(self, word: str) -> bool:
        """What the whole market is about."""
        return stem(word) in self.category or stem(word) in self.market

    def empty(self, word: str) -> bool:
        """Says nothing by itself in this market."""
        return (
            _vague(word)
            or stem(word) in self.category
            or word in self.verbs
            or word in self.proper
            or word in EDGES
        )


def _market_words(found: Sequence[Line]) -> frozenset[str]:
    """Stems that most products of the market use."""
    holders: dict[str, set[str]] = defaultdict(set)
    for line in found:
        for token in line.tokens:
            holders[token.stem].add(line.entity.id)
    products = len({line.entity.id for line in found})
    return frozenset(root for root, ids in holders.items() if len(ids) > MARKET_WORD * products)


def _line_phrases(line: Line, banned: _Banned) -> Iterator[str]:
    sentence = line.passage.text
    if any(pattern.search(sentence) for pattern in (_COMPANY_FACT, _AUDIENCE)) or changes.is_complaint(
        sentence
    ):
        return
    for chunk in phrases(banned.without_names(sentence)):
        text = _trimmed(chunk.split(), banned)
        if len(text) > 2:
            yield " ".join(text[-2:])
        if text:
            yield " ".join(text)


def _trimmed(chunk: Sequence[str], banned: _Banned) -> list[str]:
    """Without verbs and fillers at its edges; nothing when what is left names no capability."""
    kept = list(chunk)
    while kept and (_is_filler(kept[0], banned) or (len(kept) > 1 and _is_third_person(kept[0]))):
        kept = kept[1:]
    while kept and _is_filler(kept[-1], banned):
        kept = kept[:-1]
    # English keeps the head last: a phrase is about what its last word names.
    if not kept or _vague(kept[-1]) or all(banned.empty(word) for word in kept):
        return []
    if len(kept) == 1 and (len(kept[0]) < 3 or re.search(r"(?:ed|able|ible|ful|ous|ive|less)$", kept[0])):
        return []
    return kept


def _vague(word: str) -> bool:
    return bool(_forms(word) & VAGUE)


def _is_filler(word: str, banned: _Banned) -> bool:
    return word in EDGES or word in banned.verbs or word.endswith("ly")


def _is_third_person(word: str) -> bool:
    """Before a noun, a word in -s is nearly always a verb: "imports recipes"."""
    return (
        word.endswith("s") and not word.endswith(("ss", "us", "ics", "is")) and word not in _PLURAL_MODIFIERS
    )


def _verbs(sentences: Iterable[str]) -> frozenset[str]:
    """Words that stand where a verb stands: after a subject, or before an article.

    Learnt from the sentences at hand, because no tagger is at hand.
    """
    total: Counter[str] = Counter()
    as_verb: Counter[str] = Counter()
    for sentence in sentences:
        read_words = words(sentence)
        for place, word in enumerate(read_words):
            before = read_words[place - 1] if place else ""
            after = read_words[place + 1] if place + 1 < len(read_words) else ""
            total[word] += 1
            as_verb[word] += before in _SUBJECTS or after in _DETERMINERS
    return frozenset(word for word in total if 2 * as_verb[word] >= total[word] and as_verb[word])


def _proper_nouns(sentences: Iterable[str]) -> frozenset[str]:
    """Words mostly written with a capital inside sentences: brands, places, people."""
    total: Counter[str] = Counter()
    capital: Counter[str] = Counter()
    for sentence in sentences:
        for match in re.finditer(r"(?<=[\w,;] )[A-Za-z][\w'-]*", sentence):
            word = match[0].lower()
            total[word] += 1
            # All capitals is an abbreviation ("CSV", "API"), which can be a feature.
            capital[word] += match[0][0].isupper() and not match[0].isupper()
    return frozenset(word for word in total if 2 * capital[word] > total[word])


# --- Clusters ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Cluster:
    """Phrases that mean nearly the same, with their unit vectors row by row."""

    members: tuple[Phrase, ...]
    vectors: Vector

    @property
    def vector(self) -> Vector:
        """Unit mean of the phrases that are close to the label."""
        return _mean(self.vectors[self._close()])

    @property
    def terms(self) -> tuple[Term, ...]:
        """The phrases that may stand for the label, the label first."""
        close = [self.members[row] for row in self._close()]
        ranked = sorted(close, key=lambda phrase: (phrase != self.label, -phrase.score, phrase.key))
        return tuple(term(phrase.text) for phrase in ranked)

    def _close(self) -> list[int]:
        cosines = np.round(self.vectors @ self.vectors[self.members.index(self.label)], 6)
        return [row for row, cosine in enumerate(cosines) if cosine >= SAME_AS_LABEL]

    @property
    def entities(self) -> frozenset[str]:
        return frozenset().union(*(phrase.entities for phrase in self.members))

    @property
    def label(self) -> Phrase:
        short = [phrase for phrase in self.members if len(phrase.key) <= MAX_LABEL_WORDS]
        return min(
            short or self.members,
            key=lambda phrase: (-len(phrase.entities), len(phrase.key) == 1, -phrase.lift, phrase.key),
        )


def cluster(found: Sequence[Phrase], vectors: Vector) -> list[Cluster]:
    """Average-link agglomerative clusters, up to a mean cosine distance of MAX_DISTANCE."""
    groups = agglomerate(vectors, MAX_DISTANCE)
    return [Cluster(tuple(found[row] for row in rows), vectors[rows]) for rows in groups]


def agglomerate(vectors: Vector, limit: float) -> list[list[int]]:
    """Rows joined while the mean distance between two groups is at most `limit`.

    Ties join the earlier rows; groups come in order of their first row.
    """
    groups = [[row] for row in range(len(vectors))]
    # Rounded, so that the last bits of a matrix product cannot decide a tie.
    distance = np.round(1.0 - vectors.astype(np.float64) @ vectors.T.astype(np.float64), 6)
    np.fill_diagonal(distance, np.inf)
    sizes = np.ones(len(vectors))
    while len(vectors) > 1:
        a, b = sorted(map(int, np.unravel_index(int(np.argmin(distance)), distance.shape)))
        if not distance[a, b] <= limit:
            break
        merged = (sizes[a] * distance[a] + sizes[b] * distance[b]) / (sizes[a] + sizes[b])
        distance[a], distance[:, a] = merged, merged
        distance[a, a] = distance[b] = distance[:, b] = np.inf
        sizes[a] += sizes[b]
        groups[a] += groups[b]
        groups[b] = []
    return [sorted(group) for group in groups if group]


def _mean(vectors: Vector) -> Vector:
    mean: Vector = vectors.mean(axis=0, dtype=np.float32)
    length = np.float32(np.linalg.norm(mean))
    return mean / length if length else mean


# --- Rows of the matrix ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Topic:
    """Something products may or may not have: a cluster, a facet of the idea, or both.

    A sentence that contains the words of one of the `terms` speaks of the topic.
    """

    id: str
    label: str
    phrases: tuple[str, ...]
    terms: tuple[Term, ...]
    vector: Vector
    score: float
    facet: Facet | None


@dataclass(frozen=True, slots=True)
class Reading:
    """What one product's sentences say about a topic, with the sentence that says it.

    `spared` marks an absence that the product presents as a merit.
    """

    state: State
    line: Line | None = None
    strength: float = 0.0
    spared: bool = False

    @property
    def quote(self) -> Quote | None:
        return self.line.quote("absence" if self.state == "absent" else "support") if self.line else None


UNKNOWN = Reading("unknown")


@dataclass(frozen=True, slots=True)
class Row:
    """A topic with the reading of every product, adjacent ones too, by entity id."""

    topic: Topic
    readings: Mapping[str, Reading]

    def holders(self, state: State = "present") -> list[str]:
        return sorted(id for id, reading in self.readings.items() if reading.state == state)

    def lacking(self) -> list[str]:
        """The products that deny the topic without making a merit of it."""
        return [id for id in self.holders("absent") if not self.readings[id].spared]


def mine(
    entities: Sequence[Entity],
    facets: Sequence[Facet],
    facet_vectors: Vector,
    embed: Embed,
    background: Background,
    categories: Iterable[str] = (),
) -> list[Row]:
    """Every topic of the market, the idea's own facets first, then features by score.

    The rows still include what nobody has; `listed` keeps those that make a feature matrix.
    """
    market = core(entities)
    found = lines(market)
    phrases_found = candidates(found, background, categories)
    vectors = embed([phrase.text for phrase in phrases_found]) if phrases_found else facet_vectors[:0]
    idea = _mean(facet_vectors) if len(facet_vectors) else None
    clusters = [one for one in cluster(phrases_found, vectors) if _specific(one, idea)]
    wishes, rest = _facet_topics(facets, facet_vectors, clusters)
    topics = wishes + sorted(map(_topic, rest), key=lambda topic: (-topic.score, topic.id))
    by_entity = {entity.id: lines([entity]) for entity in entities}
    return [_as_merit(Row(topic, _readings(topic, by_entity)), by_entity) for topic in topics]


def _as_merit(row: Row, by_entity: Mapping[str, Sequence[Line]]) -> Row:
    """What several products boast of doing without is the feature "no ...", not its absence."""
    spared = len(row.holders("absent")) - len(row.lacking())
    if row.topic.facet or spared < MIN_ENTITIES or spared <= max(len(row.holders()), len(row.lacking())):
        return row
    terms = tuple(replace(found, flipped=not found.flipped) for found in row.topic.terms)
    topic = replace(row.topic, label=f"no {row.topic.label}", terms=terms)
    return Row(topic, _readings(topic, by_entity))


def _specific(one: Cluster, idea: Vector | None) -> bool:
    relevance = float(one.vector @ idea) if idea is not None else 1.0
    return relevance >= MIN_RELEVANCE and one.label.lift >= MIN_LIFT


def _topic(one: Cluster) -> Topic:
    label = one.label
    members = sorted(one.members, key=lambda phrase: (-phrase.score, phrase.key))
    return Topic(
        id=quotes.identity("feature", label.text),
        label=label.text,
        phrases=tuple(phrase.text for phrase in members),
        terms=one.terms,
        vector=one.vector,
        score=round(label.lift * len(one.entities), 4),
        facet=None,
    )


def _facet_topics(
    facets: Sequence[Facet], vectors: Vector, clusters: Sequence[Cluster]
) -> tuple[list[Topic], list[Cluster]]:
    """A topic per facet, which takes in the clusters that mean the same, and the other clusters."""
    taken: dict[int, list[Cluster]] = defaultdict(list)
    rest: list[Cluster] = []
    for one in clusters:
        facet = _nearest_facet(one, facets, vectors)
        if facet is None:
            rest.append(one)
        else:
            taken[facet].append(one)
    return [_facet_topic(facet, vectors[row], taken[row]) for row, facet in enumerate(facets)], rest


def _nearest_facet(one: Cluster, facets: Sequence[Facet], vectors: Vector) -> int | None:
    for row, facet in enumerate(facets):
        wanted = set(stems(facet.text))
        same_words = any(wanted and wanted == set(phrase.key) for phrase in one.members)
        if same_words or float(vectors[row] @ one.vector) >= SAME_AS_FACET:
            return row
    return None


def _facet_topic(facet: Facet, vector: Vector, same: Sequence[Cluster]) -> Topic:
    members = [phrase for one in same for phrase in one.members]
    terms = (term(facet.text), *(found for one in same for found in one.terms))
    return Topic(
        id=quotes.identity("feature", "facet", facet.text),
        label=facet.text,
        phrases=(facet.text, *(phrase.text for phrase in members if phrase.text != facet.text)),
        terms=tuple(found for found in terms if found.key),
        vector=vector,
        score=round(sum(phrase.score for phrase in members), 4),
        facet=facet,
    )


def _readings(topic: Topic, by_entity: Mapping[str, Sequence[Line]]) -> dict[str, Reading]:
    return {id: _reading(topic, found) for id, found in by_entity.items()}


def _reading(topic: Topic, found: Sequence[Line]) -> Reading:
    """Said in words wins over denied in words, which wins over close in meaning."""
    readings = [reading for line in found if (reading := judge_line(topic, line)).line]
    spoken = max(readings, key=_certainty, default=UNKNOWN)
    return spoken if spoken.line else _nearest_core(topic, found)


def _certainty(reading: Reading) -> tuple[int, float]:
    in_words = reading.strength >= IN_WORDS
    return (2 if in_words and reading.state == "present" else int(in_words)), reading.strength


def judge_line(topic: Topic, line: Line) -> Reading:
    """What a sentence says about a topic; strength is IN_WORDS or more when it says so in words."""
    cosine = round(float(topic.vector @ line.passage.vector), 6)
    complaint = changes.is_complaint(line.passage.text)
    # Whoever passed the judge has the core; "no X for recipes" says nothing against recipes.
    core_facet = topic.facet is not None and topic.facet.type == "core"
    for place, wanted in enumerate(topic.terms):
        mark = find(line.tokens, wanted)
        state = _state(mark, wanted)
        if state == "unknown" or (complaint and state == "present") or (core_facet and state == "absent"):
            continue
        # The label itself is better proof than another member of the cluster.
        strength = IN_WORDS + 1.0 + cosine - 0.5 * min(1, place)
        return Reading(state, line, strength, spared=mark == "spared")
    # Nearness in meaning is blind to negation, so it counts only where nothing is denied.
    if (
        any(wanted.flipped for wanted in topic.terms[:1])
        or not _plain(line)
        or not _close(topic, line, cosine)
    ):
        return UNKNOWN
    return Reading("present", line, cosine)


def _state(mark: Mark | None, wanted: Term) -> State:
    """For the wish "no cookies", denying cookies is having it; using them is not a denial of it."""
    if mark is None or mark == "unsure":
        return "unknown"
    if wanted.flipped:
        return "unknown" if mark == "stated" else "present"
    return "present" if mark == "stated" else "absent"


def _close(topic: Topic, line: Line, cosine: float) -> bool:
    wanted = {part for term_ in topic.terms for part in term_.key}
    if wanted & {stem(word) for name in line.entity.names for word, _ in _parts(name)}:
        # The passage is near because of how the product is called.
        return False
    if cosine >= CLOSE:
        return True
    return cosine >= CLOSE_WITH_SHARED_WORD and any(token.stem in wanted for token in line.tokens)


def _nearest_core(topic: Topic, found: Sequence[Line]) -> Reading:
    """The sentence by which a product has the core of the idea, by the bounds the judge used."""
    if topic.facet is None or topic.facet.type != "core":
        return UNKNOWN
    head = head_stem(topic.facet.text)
    best = UNKNOWN
    for line in found:
        cosine = round(float(topic.vector @ line.passage.vector), 6)
        bound = CORE_WITH_HEAD if any(t.stem == head for t in line.tokens) else CORE_COSINE
        if cosine >= bound and cosine > best.strength and _plain(line):
            best = Reading("present", line, cosine)
    return best


def _plain(line: Line) -> bool:
    """A sentence without negation or complaint, which may prove something by its meaning alone."""
    return not changes.is_complaint(line.passage.text) and all(
        token.mark == "stated" for token in line.tokens
    )


# --- The feature matrix ------------------------------------------------------------------------


def listed(rows: Sequence[Row], competitors: Sequence[Competitor]) -> list[Feature]:
    """At most MAX_FEATURES features with proof, the idea's own first, then by score."""
    ids = {competitor.id for competitor in competitors}
    shown = [row for row in rows if _shown(row, ids)]
    return [_feature(row, competitors) for row in shown[:MAX_FEATURES]]


def _shown(row: Row, ids: set[str]) -> bool:
    holders = ids & set(row.holders())
    if row.topic.facet is not None:
        return bool(holders) and row.topic.facet.type != "audience"
    return len(holders) >= MIN_ENTITIES


def _feature(row: Row, competitors: Sequence[Competitor]) -> Feature:
    cells = [_cell(row.readings.get(one.id, UNKNOWN), one) for one in competitors]
    return Feature(
        id=row.topic.id,
        label=row.topic.label,
        phrases=list(row.topic.phrases),
        score=row.topic.score,
        prevalence=quotes.prevalence(cells),
        in_idea=row.topic.facet is not None,
        cells=cells,
        evidence=best_quotes(row, {one.id for one in competitors}, "present"),
    )


def _cell(reading: Reading, competitor: Competitor) -> Cell:
    return Cell(competitor_id=competitor.id, state=reading.state, quote=reading.quote)


def best_quotes(row: Row, ids: set[str], state: State, limit: int = MAX_QUOTES) -> list[Quote]:
    """The clearest sentences of products in that state, one a product."""
    readings = [(id, row.readings[id]) for id in row.holders(state) if id in ids]
    ranked = sorted(readings, key=lambda item: (-item[1].strength, item[0]))
    found = [reading.quote for _, reading in ranked]
    return quotes.distinct((quote for quote in found if quote), limit)
