"""Understanding an idea before anything is searched: what it asks for, and whether it can be
researched at all."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from research.analyst import text
from research.analyst.documents import Corpus, Document, Embed, Hit
from research.schemas import CategoryGuess, Facet, Interpretation

FacetType = Literal["core", "audience", "constraint", "mechanism"]
Reason = Literal["gibberish", "too short", "meta-description"]

MAX_FACETS = 8
MAX_QUERIES = 8
MAX_FACET_WORDS = 4
MIN_CONTENT_WORDS = 2
MAX_GIBBERISH = 0.6
SHARPNESS = 8.0
CATEGORY_PRIOR = 3.0
MAX_FACET_LENGTH = 80
# Neighbours this near are unrelated, and as near as this they describe the same thing.
FAR, NEAR = 0.2, 0.6
NEAREST = 3
# A product's name that so small a share of the corpus uses is no ordinary word.
MAX_NAME_SHARE = 0.01


class EmptyIdea(Exception):
    """The idea contains nothing to read."""


class UnresearchableIdea(Exception):
    """The idea says too little to look for a market."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


# --- Gates -----------------------------------------------------------------------------------


def _listed(words: str) -> frozenset[str]:
    return frozenset(words.split())


# Words that name no product however they are combined.
_SAY_NOTHING = _listed(
    """
    app apps application applications software program tool tools platform platforms website
    websites site web mobile online digital saas service services product products solution
    solutions system thing things stuff startup startups start-up business businesses company
    companies venture idea ideas concept project projects test hello hi hey please money rich
    million billion dollar dollars profit success successful cool new great good nice awesome
    amazing interesting exciting innovative revolutionary disruptive unique simple best better
    next big small useful popular viral smart help helps helping people person user users human
    humans everybody life lives world change changes changing problem problems solve solves
    solving easy easier want wants need needs like make makes making build builds building
    create creates creating develop write give generate get gets getting do does use uses using
    work works working launch know think anything whatever random foo bar baz
    """
)
_ABOUT_PAPERS = _listed("plan plans pitch deck report analysis research list proposal summary name")
_REQUEST = re.compile(
    r"\b(?:my|our|your|(?:write|give|make|generate|create|draft|suggest|tell|show|get|find)\s+(?:me|us|a|an|some))\b"
)


_HIDDEN = ("Cc", "Cf", "Cs")
_SCRIPT = re.compile(r"<(script|style)\b.*?(?:</\1\s*>|\Z)", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"</?[a-z][^<>]*>|<!--(?:(?!<!--).)*?-->", re.IGNORECASE | re.DOTALL)
_ADDRESS = re.compile(r"\b(?:https?://|www\.)[^\s<>\"']+", re.IGNORECASE)


def _site_name(address: re.Match[str]) -> str:
    """What an address says in words: "notion" for "https://www.notion.so/product"."""
    url = address[0] if "://" in address[0] else f"https://{address[0]}"
    return text.registrable_domain(url).partition(".")[0]


def _clean(idea: str) -> str:
    """Compatibility forms folded; control and zero-width characters, markup and addresses removed.

    The joiners U+200C and U+200D stay: Persian and the Indic scripts spell with them.
    """
    folded = unicodedata.normalize("NFKC", idea)
    folded = _TAG.sub(" ", _SCRIPT.sub(" ", folded)) if "<" in folded else folded
    folded = _ADDRESS.sub(_site_name, folded)
    return "".join(c for c in folded if c in "\n\t\u200c\u200d" or unicodedata.category(c) not in _HIDDEN)


def refuse_empty(idea: str) -> None:
    """Raise EmptyIdea for white space, punctuation, control and zero-width characters alone."""
    if all(unicodedata.category(char)[0] in "ZPCM" for char in idea):
        raise EmptyIdea


def _silent_words(idea: str) -> frozenset[str]:
    return _SAY_NOTHING | _ABOUT_PAPERS if _REQUEST.search(idea.lower()) else _SAY_NOTHING


def is_meta_description(idea: str) -> bool:
    """Whether the idea only says that there is one: "an app", "write me a business plan"."""
    content = set(text.content_words(idea))
    return bool(content) and content <= _silent_words(idea)


def _parts(word: str) -> list[str]:
    return [part for part in re.split(r"[-'&]", word) if part]


def _stems_of(word: str) -> list[str]:
    """The stem of a word, and of its parts when it is a compound with hyphens."""
    return [text.stem(form) for form in dict.fromkeys([word, *_parts(word)])]


@dataclass(frozen=True)
class Vocabulary:
    """How many documents contain each word of the idea; `size` is the number of documents."""

    size: int
    frequencies: Mapping[str, int]

    @classmethod
    def of(cls, idea: str, corpus: Corpus) -> Vocabulary:
        found = sorted({stem for word in text.words(idea) for stem in _stems_of(word)})
        return cls(corpus.size, corpus.document_frequency(found) if corpus.size else {})

    def frequency(self, word: str) -> int:
        """A compound counts as often as its rarest part does, at least."""
        whole = self.frequencies.get(text.stem(word), 0)
        return max(whole, min((self.frequencies.get(text.stem(p), 0) for p in _parts(word)), default=0))

    def idf(self, words: Iterable[str]) -> float:
        """Mean smoothed inverse document frequency, always above 0."""
        values = [math.log((self.size + 1) / (self.frequency(word) + 1)) + 1 for word in words]
        return sum(values) / len(values) if values else 1.0

    def known_share(self, words: Sequence[str]) -> float:
        known = sum(self.frequency(word) > 0 for word in words)
        return known / len(words) if words else 0.0


_PLACEHOLDERS = _listed(
    """
    lorem ipsum dolor sit amet consectetur adipiscing elit sed eiusmod tempor incididunt labore
    dolore magna aliqua foo bar baz qux foobar blah bla asdf asd qwerty qwertz azerty xxx yyy zzz
    """
)
_KEYBOARD_ROWS = ("qwertyuiop", "qwertzuiop", "azertyuiop", "asdfghjkl", "zxcvbnm", "yxcvbnm")
_KEYBOARD_RUN = 4
_VOWEL = re.compile(r"[aeiouy]")
_ONE_SOUND = re.compile(r"sch|ch|sh|th|ph|ck|ng|gh")
_CONSONANT_PILE = re.compile(r"[b-df-hj-np-tv-xz]{6}")
# Letters that European languages do not put next to each other.
_UNHEARD = re.compile(
    r"q(?![aiu]|$)|[fhjvwxz]q|[vwz]x|xz|zxc"
    r"|[bcdfghkmpqrstvwxz]j(?=[bcdfghjklmnpqrstvwxz])|([a-z])\1\1"
)


def _plain(word: str) -> str:
    """The letters of a word without their accents."""
    return "".join(c for c in unicodedata.normalize("NFD", word) if c.isalpha())


def _on_keyboard(letters: str) -> bool:
    """Whether most of a word is keys in a row, in either direction."""
    rows = [*_KEYBOARD_ROWS, *(row[::-1] for row in _KEYBOARD_ROWS)]
    starts = range(len(letters) - _KEYBOARD_RUN + 1)
    runs = [at for at in starts if any(letters[at : at + _KEYBOARD_RUN] in row for row in rows)]
    covered = {at + step for at in runs for step in range(_KEYBOARD_RUN)}
    return len(covered) > MAX_GIBBERISH * len(letters)


def _pronounceable(letters: str) -> bool:
    """Whether a word could be one in some European language; short ones may be acronyms."""
    if len(letters) <= 3:
        return _UNHEARD.search(letters) is None or len(set(letters)) > 1
    sounds = _ONE_SOUND.sub("k", letters)
    return bool(_VOWEL.search(letters)) and not (_CONSONANT_PILE.search(sounds) or _UNHEARD.search(letters))


def _is_latin(letters: str) -> bool:
    return all(unicodedata.name(char, "").startswith("LATIN") for char in letters)


def _is_noise(word: str, vocabulary: Vocabulary) -> bool:
    """A word of no language. Without a corpus only placeholders and keyboard rows are noise."""
    letters = _plain(word)
    if not _is_latin(letters):
        return False
    if word in _PLACEHOLDERS or _on_keyboard(letters):
        return True
    return bool(vocabulary.size) and not vocabulary.frequency(word) and not _pronounceable(letters)


def is_gibberish(idea: str, vocabulary: Vocabulary) -> bool:
    """Whether more than 60 % of the words are noise. Only Latin letters can be judged so."""
    words = text.words(idea)
    lettered = [word for word in words if any(char.isalpha() for char in word)]
    noise = sum(_is_noise(word, vocabulary) for word in lettered)
    return bool(words) and (not lettered or noise > MAX_GIBBERISH * len(lettered))


_CODE_MARK = re.compile(r"\w\([^()\n]*\)|[{}]\s*$|;(?=\s*(?:$|--))|[=!<>+*/-]=|=>|--(?=\s*$)", re.MULTILINE)
MIN_CODE_MARKS = 2
WORDS_PER_CODE_MARK = 3


def is_code(idea: str) -> bool:
    """Whether calls, braces and operators stand at every third word: a program, not prose."""
    marks = len(_CODE_MARK.findall(idea))
    return marks >= MIN_CODE_MARKS and WORDS_PER_CODE_MARK * marks >= len(text.words(idea))


def _names_market(words: Sequence[str], slugs: Iterable[str], product_names: Iterable[str]) -> bool:
    """Whether a word is a category or part of its name, or the words are a product's name."""
    labels = (label for slug in slugs for label in (slug, slug.replace("-", " ")))
    category_stems = {stem for label in labels for stem in text.stems(label)}
    return bool(category_stems.intersection(map(text.stem, words))) or any(
        text.words(name) == list(words) for name in product_names
    )


def _has_few_words(idea: str) -> bool:
    """Fewer than two content words; never in scripts that may write a sentence as one word."""
    counts = (len(text.content_words(idea)), len(text.content_words(idea.replace("-", " "))))
    return max(counts) < MIN_CONTENT_WORDS and all(_is_latin(_plain(word)) for word in text.words(idea))


def is_too_short(idea: str, slugs: Iterable[str], product_names: Iterable[str]) -> bool:
    """One word is enough only when it names a market or a product."""
    return _has_few_words(idea) and not _names_market(text.words(idea), slugs, product_names)


# --- Facets ----------------------------------------------------------------------------------

# What a word says about the words that follow it.
_MARKERS: Mapping[str, FacetType] = {
    **dict.fromkeys(["for", "among", "aimed", "für", "pour", "para", "voor", "för"], "audience"),
    **dict.fromkeys(["without", "no", "not", "never", "ohne", "sans", "zonder"], "constraint"),
    **dict.fromkeys(
        ["with", "using", "via", "by", "through", "powered", "based", "mit", "avec"], "mechanism"
    ),
    **dict.fromkeys(["that", "which", "where", "when", "who", "so", "to", "from", "into"], "mechanism"),
    **dict.fromkeys(["in", "on", "at", "between"], "mechanism"),
}
_CONSTRAINT_ENDINGS = ("-friendly", "-first", "-free", "-only", "-compliant")
_CONSTRAINTS = _listed(
    """
    offline self-hosted selfhosted open-source opensource free encrypted
    cross-platform decentralized decentralised peer-to-peer zero-knowledge no-code low-code
    """
)
# Japanese writes its grammar in hiragana and most of what it talks about in other scripts.
_HIRAGANA = re.compile(r"[\u3041-\u309f]+")
_CONSTRAINT_PAIRS = frozenset(
    {("open", "source"), ("self", "hosted"), ("end-to-end", "encryption"), ("end-to-end", "encrypted")}
)
_ARTICLES = _listed("the a an any its their your")
# Nouns that begin like a verb, with the word that makes them one.
_COMPOUNDS = frozenset({("help", "desk"), ("help", "desks"), ("help", "center"), ("help", "centre")})

# Heads that every product shares; alone they tell no product from another.
GENERIC_WORDS = _listed(
    """
    app apps application applications software tool tools platform platforms system systems
    service services website websites site web mobile online solution solutions product products
    program alternative startup business people person users user everyone anyone customers
    simple easy modern smart new better best great fast lightweight
    """
)


@dataclass(frozen=True)
class _Chunk:
    """Neighbouring words of one clause, with the role their marker gave them."""

    type: FacetType
    tokens: tuple[text.Span, ...]

    @property
    def words(self) -> list[str]:
        return [token.text.lower() for token in self.tokens]


def _is_break(gap: str) -> bool:
    return bool(gap.strip()) or "\n" in gap


def _role(marker: str, following: str, current: FacetType) -> FacetType:
    """What a function word makes of the words after it; "for tracking x" says what it does."""
    role = _MARKERS.get(marker, current)
    return current if role == "audience" and following.endswith("ing") else role


def _names(word: str, following: str) -> bool:
    """Whether a lower-case word can be part of a noun phrase."""
    if (word, following) in _COMPOUNDS:
        return True
    if word in text.LINKING_VERBS or word in _MARKERS or _HIRAGANA.fullmatch(word):
        return False
    return text.is_content(word)


def _clauses(sentence: str, role: FacetType) -> Iterator[_Chunk]:
    """Runs of content words, each with the role its nearest marker gave it."""
    found = list(text.tokens(sentence))
    run: list[text.Span] = []
    for before, token, after in zip([None, *found], found, [*found[1:], None], strict=False):
        word, following = token.text.lower(), after.text.lower() if after else ""
        if run and before and _is_break(sentence[before.end : token.start]):
            yield _Chunk(role, tuple(run))
            run = []
        if word in _ARTICLES and len(run) == 1 and run[0].text.lower() in _MARKERS:
            # "Without the cloud" is one wish.
            continue
        if _names(word, following):
            run.append(token)
            continue
        if run:
            yield _Chunk(role, tuple(run))
        next_role = _role(word, following, role)
        run = [token] if word in _MARKERS and next_role == "constraint" else []
        role = next_role
    if run:
        yield _Chunk(role, tuple(run))


def _constraint_length(words: Sequence[str]) -> int:
    """How many of the first words state a condition on their own ("open source", "ad-free")."""
    if tuple(words[:2]) in _CONSTRAINT_PAIRS:
        return 2
    return int(words[0] in _CONSTRAINTS or words[0].endswith(_CONSTRAINT_ENDINGS))


def _without_constraints(chunk: _Chunk) -> Iterator[_Chunk]:
    """Conditions inside a noun phrase become chunks of their own; "no x" stays whole."""
    if chunk.words[0] in _MARKERS:
        yield chunk
        return
    kept: list[text.Span] = []
    at = 0
    while at < len(chunk.tokens):
        length = _constraint_length(chunk.words[at:])
        if length:
            yield _Chunk("constraint", chunk.tokens[at : at + length])
        else:
            kept.append(chunk.tokens[at])
        at += max(1, length)
    if kept:
        yield _Chunk(chunk.type, tuple(kept))


def _short(chunk: _Chunk) -> Iterator[_Chunk]:
    """At most four words each, counted from the end, where English keeps the head word."""
    if len(chunk.tokens) > MAX_FACET_WORDS:
        yield from _short(_Chunk(chunk.type, chunk.tokens[:-MAX_FACET_WORDS]))
    yield _Chunk(chunk.type, chunk.tokens[-MAX_FACET_WORDS:])


def _says_something(chunk: _Chunk, silent: Collection[str]) -> bool:
    telling = [word for word in chunk.words if word not in silent and word not in _MARKERS]
    return any(char.isalpha() for word in telling for char in word)


@dataclass(frozen=True)
class _Wish:
    """A chunk that says something, worded as in the idea."""

    type: FacetType
    wording: str
    words: list[str]


def _wishes(idea: str) -> Iterator[_Wish]:
    """Every telling chunk in order; only the first sentence can name the core."""
    silent = GENERIC_WORDS | _silent_words(idea)
    for index, sentence in enumerate(text.sentences(idea)):
        for clause in _clauses(sentence.text, "mechanism" if index else "core"):
            for chunk in (short for part in _without_constraints(clause) for short in _short(part)):
                if _says_something(chunk, silent):
                    wording = sentence.text[chunk.tokens[0].start : chunk.tokens[-1].end]
                    yield _Wish(chunk.type, text.normalise_space(wording)[:MAX_FACET_LENGTH], chunk.words)


def _distinct(wishes: Iterable[_Wish]) -> list[_Wish]:
    first: dict[str, _Wish] = {}
    for wish in wishes:
        first.setdefault(wish.wording.lower(), wish)
    return list(first.values())


def _with_core(wishes: list[_Wish]) -> list[_Wish]:
    """When no wish is the core, the first one that is more than a condition becomes it."""
    if not wishes or any(wish.type == "core" for wish in wishes):
        return wishes
    chosen = next((wish for wish in wishes if wish.type != "constraint"), wishes[0])
    return [replace(wish, type="core") if wish is chosen else wish for wish in wishes]


def _without_analogy(wishes: list[_Wish], vocabulary: Vocabulary, names: Iterable[str]) -> list[_Wish]:
    """In "Uber for dogs" a brand stands for a way of doing things; what follows is the market."""
    brands = {words[0] for name in names if (words := text.words(name))}
    rare = MAX_NAME_SHARE * vocabulary.size
    if len(wishes) < 2 or wishes[1].type != "audience" or len(wishes[0].words) != 1:
        return wishes
    brand = wishes[0].words[0]
    if brand not in brands or vocabulary.frequency(brand) > rare:
        return wishes
    return [replace(wishes[1], type="core"), *wishes[2:]]


def _heaviest(wishes: list[_Wish], idf: list[float]) -> list[int]:
    """Places of the first core and of the rarest others, at most eight, in the idea's order."""
    core = next(at for at, wish in enumerate(wishes) if wish.type == "core")
    return sorted(sorted(range(len(wishes)), key=lambda at: (at != core, -idf[at], at))[:MAX_FACETS])


def facets(idea: str, vocabulary: Vocabulary, product_names: Iterable[str] = ()) -> list[Facet]:
    """What the idea asks for, in its own words and order; weights follow idf and sum to 1.

    An idea without a telling word is its own single facet. `product_names` are those of the
    nearest products.
    """
    wishes = _without_analogy(_with_core(_distinct(_wishes(idea))), vocabulary, product_names)
    if not wishes:
        label = text.normalise_space(idea)[:MAX_FACET_LENGTH]
        return [Facet(text=label, type="core", weight=1.0)]
    idf = [vocabulary.idf(word for word in wish.words if word not in _MARKERS) for wish in wishes]
    kept = _heaviest(wishes, idf)
    total = sum(idf[at] for at in kept)
    return [Facet(text=wishes[at].wording, type=wishes[at].type, weight=idf[at] / total) for at in kept]


# --- Categories ------------------------------------------------------------------------------


def _closeness(hits: Sequence[Hit]) -> list[float]:
    """e^(8 (s - s_best)) of each hit's cosine: how much its vote counts."""
    best = max((hit.cosine for hit in hits), default=0.0)
    return [math.exp(SHARPNESS * (hit.cosine - best)) for hit in hits]


def category_posterior(
    hits: Sequence[Hit], documents: Mapping[str, Document], sizes: Mapping[str, int]
) -> list[CategoryGuess]:
    """P(category | idea) by a vote of the nearest documents, likeliest first.

    A vote weighs e^(8 (s - s_best)) and is divided by sqrt(n + 3) of its category, so that
    large categories do not win by size. Documents without a category do not vote; when none
    has one the list is empty.
    """
    votes: dict[str, float] = {}
    for hit, closeness in zip(hits, _closeness(hits), strict=True):
        category = documents[hit.document_id].category if hit.document_id in documents else None
        if category is not None:
            weight = closeness / math.sqrt(sizes.get(category, 0) + CATEGORY_PRIOR)
            votes[category] = votes.get(category, 0.0) + weight
    total = sum(votes.values())
    guesses = [CategoryGuess(slug=slug, probability=vote / total) for slug, vote in votes.items()]
    return sorted(guesses, key=lambda guess: (-guess.probability, guess.slug))


def _evenness(shares: Sequence[float], outcomes: int, known: float) -> float:
    """Entropy over log(outcomes), after 1 - known of the mass is spread over all outcomes."""
    if outcomes < 2:
        return 1.0 - known
    padded = np.zeros(outcomes)
    padded[: len(shares)] = shares
    mixed = known * padded + (1 - known) / outcomes
    positive = mixed[mixed > 0]
    return float(-(positive * np.log(positive)).sum() / math.log(outcomes))


def understanding(
    categories: Sequence[CategoryGuess], category_count: int, hits: Sequence[Hit], known_share: float
) -> float:
    """1 - H(P(category | idea)) / log C, between 0 (no notion) and 1 (certain).

    When fewer than half of the idea's words occur in the corpus, the missing share of P is spread
    evenly first, because the neighbours of unread words are chance. A corpus without categories
    has no P: there it is how near the nearest neighbours come, less the same share.
    """
    if not hits:
        return 0.0
    known = min(1.0, 2 * known_share)
    shares = [guess.probability for guess in categories]
    if not shares:
        return known * _nearness(hits)
    evenness = _evenness(shares, max(category_count, len(shares)), known)
    return min(1.0, max(0.0, 1.0 - evenness))


def _nearness(hits: Sequence[Hit]) -> float:
    """Mean cosine of the nearest few, 0 at FAR and 1 at NEAR."""
    nearest = sorted((hit.cosine for hit in hits), reverse=True)[:NEAREST]
    mean = sum(nearest) / len(nearest)
    return min(1.0, max(0.0, (mean - FAR) / (NEAR - FAR)))


# --- Queries ---------------------------------------------------------------------------------


def _in_category(facet: str, slug: str) -> str:
    """The facet with the words of the category's name that it does not contain already."""
    present = set(text.stems(facet))
    added = [word for word in slug.split("-") if text.is_content(word) and text.stem(word) not in present]
    return " ".join([facet, *added])


def queries(idea: str, found: Sequence[Facet], categories: Sequence[CategoryGuess]) -> list[str]:
    """The idea, its facets, then the facets within the likeliest category; distinct, at most 8."""
    wanted = [text.normalise_space(idea), *(facet.text for facet in found)]
    if categories:
        wanted += [_in_category(facet.text, categories[0].slug) for facet in found]
    distinct: dict[str, str] = {}
    for query in wanted:
        distinct.setdefault(query.casefold(), query)
    return list(distinct.values())[:MAX_QUERIES]


# --- All of it -------------------------------------------------------------------------------


def _refuse_noise(idea: str, vocabulary: Vocabulary) -> None:
    if is_meta_description(idea):
        raise UnresearchableIdea("meta-description")
    if is_code(idea) or is_gibberish(idea, vocabulary):
        raise UnresearchableIdea("gibberish")


def _read(idea: str, corpus: Corpus) -> tuple[str, Vocabulary]:
    """The idea's words, with how common they are. Raises EmptyIdea, and UnresearchableIdea for noise."""
    idea = _clean(idea)
    refuse_empty(idea)
    vocabulary = Vocabulary.of(idea, corpus)
    _refuse_noise(idea, vocabulary)
    return idea, vocabulary


def at_once(idea: str, corpus: Corpus) -> Interpretation:
    """What the idea's own words tell, for whoever cannot wait for `interpret`.

    Of the corpus only the frequencies of these words are looked up: nothing is embedded and no document is
    read. So the categories stay unknown, `understanding` is 0, a brand that stands for a way of doing things
    ("Uber for dogs") is taken at its word, and an idea of one word is taken to name a market.

    Raises EmptyIdea or UnresearchableIdea when there is nothing to research.
    """
    idea, vocabulary = _read(idea, corpus)
    found = facets(idea, vocabulary)
    return Interpretation(facets=found, categories=[], understanding=0.0, queries=queries(idea, found, []))


def interpret(idea: str, embed: Embed, corpus: Corpus, neighbours: int = 15) -> Interpretation:
    """What the idea asks for, which market it belongs to and what to search for.

    Raises EmptyIdea or UnresearchableIdea when there is nothing to research.
    """
    idea, vocabulary = _read(idea, corpus)
    hits = corpus.search(idea, embed([idea])[0], neighbours) if corpus.size else []
    documents = {document.id: document for document in corpus.documents([hit.document_id for hit in hits])}
    sizes = corpus.category_sizes()
    names = [document.name for document in documents.values()]
    if is_too_short(idea, sizes, names):
        raise UnresearchableIdea("too short")
    categories = category_posterior(hits, documents, sizes)
    found = facets(idea, vocabulary, names)
    known_share = vocabulary.known_share(text.content_words(idea) or text.words(idea))
    return Interpretation(
        facets=found,
        categories=categories,
        understanding=understanding(categories, len(sizes), hits, known_share),
        queries=queries(idea, found, categories),
    )
