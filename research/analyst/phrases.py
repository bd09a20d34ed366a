"""Phrases that name what products can do, found in their sentences."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from research.analyst.lines import Line
from research.analyst.reading import Key, forms
from research.analyst.text import phrases, stem, stems, words

MAX_PHRASES = 250
MIN_ENTITIES = 2
MIN_FOR_ONE_WORD = 3
# A word that this share of the products use is what the market is about, not a feature in it.
MARKET_WORD = 0.7


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
    rivals rule same sale section self-service sell seller sense serious server servers service services set
    setting settings setup several shared shop short simple simpler single site sites size small smaller
    software solo solution something sort special specialist staff standard start starter startups
    states step steps store strong student style subscription suit suite support system systems tablet
    tablets tap task team teams technical term terms text thing things third-party thousand tier time
    times tool tools top tracker trial type types unit united unlimited usage use useful user users
    author authors creator creators subscriber subscribers visitor visitors writer writers founders
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
    large-type little fewer medium mature experimental latest lightweight inside outside within during across
    per plus exists existing remains written built sold kept held paid seen shown sent taken made known given
    done set put drawn bound tied affected
    """
)
_NEEDS_MODIFIER = _listed("data information list lists file files view views guide screen goal")
_PLURAL_MODIFIERS = _listed("sales news sports savings operations goals bookings rewards sms ios")
_DETERMINERS = _listed("a an the your its their it them each every any all this these those his her")
_SUBJECTS = _listed(
    "it they who users members people customers players readers you we can will to could may must"
)


@dataclass(frozen=True, slots=True)
class Background:
    """How many of the corpus's `size` documents contain each stem."""

    size: int
    frequencies: Mapping[str, int]


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


_FOR_WHOM = re.compile(
    r"\b(?:(?:is|was) (?:\w+ )?"
    r"(?:(?:made|aimed|designed|meant|intended|built|targeted|best|ideal) )?(?:for|at)"
    r"|suits|serves|appeals to|fits|targets|caters to)\s",
    re.IGNORECASE,
)


def says_for_whom(sentence: str) -> bool:
    """Whether a sentence names the people a product is for."""
    return _FOR_WHOM.search(sentence) is not None


def essence(wish: str) -> str:
    """What a wish is about, without the verb and the praise before it.

    "imports bank statements" -> "bank statements"
    """
    kept = words(wish)
    while len(kept) > 2 and (kept[0] in EDGES or _is_third_person(kept[0])):
        kept = kept[1:]
    return " ".join(kept)


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
    if line.complains or says_for_whom(sentence) or _COMPANY_FACT.search(sentence):
        return
    for chunk in phrases(banned.without_names(sentence)):
        text = _trimmed(chunk.split(), banned)
        # The last two words alone are the more common feature: "drag-and-drop email editor".
        for part in (text, _trimmed(text[-2:], banned) if len(text) > 2 else []):
            if part:
                yield " ".join(part)


def _trimmed(chunk: Sequence[str], banned: _Banned) -> list[str]:
    """Without verbs and fillers at its edges; nothing when what is left names no capability."""
    kept = list(chunk)
    while kept and (_is_filler(kept[0], banned) or (len(kept) > 1 and _is_third_person(kept[0]))):
        kept = kept[1:]
    while kept and (_is_filler(kept[-1], banned) or (len(kept) > 1 and _is_participle(kept[-1]))):
        kept = kept[:-1]
    # English keeps the head last: a phrase is about what its last word names.
    if not kept or _vague(kept[-1]) or all(banned.empty(word) for word in kept):
        return []
    if len(kept) == 1 and (len(kept[0]) < 3 or re.search(r"(?:ed|able|ible|ful|ous|ive|less)$", kept[0])):
        return []
    return kept


def _vague(word: str) -> bool:
    return bool(forms(word) & VAGUE)


def _is_filler(word: str, banned: _Banned) -> bool:
    return word in EDGES or word in banned.verbs or word.endswith("ly")


def _is_participle(word: str) -> bool:
    """After a noun, a word in -ed qualifies what follows: "emails tied to orders"."""
    return word.endswith("ed") and not word.endswith("eed") and len(word) > 4


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
