"""How much each found document counts as evidence, and which of its sentences to quote."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import Field

from research.analyst import text
from research.analyst.documents import Document, Vector
from research.analyst.interpretation import GENERIC_WORDS
from research.schemas import Facet, Interpretation, Shape

KEEP_RELEVANCE = 0.4
# In a market that is clearly the idea's, a product with its core counts already from here.
CLEAR_MARKET = 0.4
MEMBER_RELEVANCE = 0.2
# An idea outside the known markets is answered with what comes nearest, if it comes near at all.
ENOUGH = 3
MAX_LOOSE = 5
LOOSE_RELEVANCE = 0.15
LOOSE_COSINE = 0.35
CORE_COSINE = 0.5
ADJACENT_FACTOR = 0.5
MAX_QUOTES = 4
MIN_FACET_COSINE = 0.3
NEAR_DUPLICATE_COSINE = 0.92
NEAR_DUPLICATE_BITS = 3
UNKNOWN_FRESHNESS = 0.4
UNKNOWN_CATEGORY = 0.5
NEUTRAL_AUTHORITY = 0.5
DECIMALS = 6


class Pick(NamedTuple):
    """A passage worth quoting: `document.text[start:end]`.

    `facet` is the index of the facet the passage was chosen for, None for the whole idea, and
    `cosine` its similarity to that facet or idea.
    """

    start: int
    end: int
    cosine: float
    facet: int | None


Fit = Literal["direct", "member", "loose"]
BARS: dict[Fit, float] = {
    "direct": KEEP_RELEVANCE,
    "member": MEMBER_RELEVANCE,
    "loose": LOOSE_RELEVANCE,
}


class Judgement(Shape):
    """What one document is worth as evidence; every share is between 0 and 1.

    `weight` is relevance x (.5 + .5 authority) x (.4 + .6 freshness) x independence. `adjacent`
    documents lack the core of the idea, and their relevance is halved. `fit` sets the bar for
    being kept: `member` of the idea's clear market, or only `loose`ly related, where hardly
    anything fits. `facet_cosines` holds, per facet, the similarity of the passage closest to it;
    `reasons` the numbers decided on.
    """

    document_id: str
    relevance: float = Field(ge=0, le=1)
    authority: float = Field(ge=0, le=1)
    freshness: float = Field(ge=0, le=1)
    freshness_known: bool
    independence: float = Field(gt=0, le=1)
    weight: float = Field(ge=0, le=1)
    adjacent: bool
    fit: Fit = "direct"
    facet_cosines: tuple[float, ...] = ()
    reasons: dict[str, float] = Field(default_factory=dict)
    quotes: tuple[Pick, ...] = ()

    @property
    def kept(self) -> bool:
        return self.relevance >= BARS[self.fit]


# --- Source quality --------------------------------------------------------------------------

# Who speaks: the makers themselves, an edited collection, the press, the crowd, an advertiser.
_AUTHORITY = {
    **dict.fromkeys(["product page", "repository", "documentation"], 1.0),
    **dict.fromkeys(["registry", "encyclopedia", "catalogue"], 0.9),
    "news": 0.7,
    "forum": 0.5,
    "listicle": 0.3,
}

# Days after which a statement of this kind is worth half.
_HALF_LIFE = {
    "news": 90.0,
    "repository": 180.0,
    **dict.fromkeys(["product page", "documentation"], 365.0),
    **dict.fromkeys(["catalogue", "encyclopedia", "registry"], 730.0),
}
_DEFAULT_HALF_LIFE = 365.0


def authority(kind: str) -> float:
    """How far the author of this kind of source can know, .5 for kinds not listed."""
    return _AUTHORITY.get(kind, NEUTRAL_AUTHORITY)


def freshness(kind: str, published_on: date | None, as_of: date) -> float:
    """2^(-age / half-life of the kind); .4 when the date is unknown, 1 for dates to come."""
    if published_on is None:
        return UNKNOWN_FRESHNESS
    age = max(0, (as_of - published_on).days)
    return float(2.0 ** (-age / _HALF_LIFE.get(kind, _DEFAULT_HALF_LIFE)))


def _cluster_sizes(fingerprints: Sequence[int]) -> list[int]:
    """For each fingerprint, how many are linked to it by steps of at most three bits."""
    unseen = set(range(len(fingerprints)))
    sizes = [1] * len(fingerprints)
    while unseen:
        cluster, frontier = set[int](), {min(unseen)}
        while frontier:
            cluster |= frontier
            unseen -= frontier
            frontier = {
                other
                for other in unseen
                if any(
                    text.hamming(fingerprints[other], fingerprints[at]) <= NEAR_DUPLICATE_BITS
                    for at in frontier
                )
            }
        for at in cluster:
            sizes[at] = len(cluster)
    return sizes


def independences(documents: Sequence[Document]) -> dict[str, float]:
    """1 / size of the near-duplicate cluster of each document, by id.

    Copies count as such within one registrable domain; the same words on two sites are two
    voices.
    """
    by_domain: dict[str, list[Document]] = defaultdict(list)
    for document in documents:
        by_domain[document.domain or text.registrable_domain(document.url)].append(document)
    found: dict[str, float] = {}
    for members in by_domain.values():
        alone = len(members) == 1
        sizes = [1] if alone else _cluster_sizes([text.simhash(member.text) for member in members])
        found |= {member.id: 1 / size for member, size in zip(members, sizes, strict=True)}
    return found


def evidence_weight(relevance: float, authority: float, freshness: float, independence: float) -> float:
    """Relevance discounted by who says it, how long ago, and how often the same was said."""
    return relevance * (0.5 + 0.5 * authority) * (0.4 + 0.6 * freshness) * independence


# --- Relevance -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Features:
    """What relevance is estimated from, each between 0 and 1.

    `cosine` of the best passage with the idea; `fused` retrieval score; `category`, the
    probability that the idea belongs to the document's category, .5 when either has none;
    `overlap`, the share of facet weight whose words stand in the document; `reciprocal_rank` by
    fused score.
    """

    cosine: float
    fused: float
    category: float
    overlap: float
    reciprocal_rank: float


@dataclass(frozen=True, slots=True)
class Coefficients:
    """A logistic regression's parameters, one per feature."""

    intercept: float
    cosine: float
    fused: float
    category: float
    overlap: float
    reciprocal_rank: float


# Set by hand for MiniLM, where unrelated sentences have cosines about .2 and close ones about
# .7: with the other features growing along with it, .2 gives .03, .45 gives .5 and .7 gives .98.
RELEVANCE = Coefficients(
    intercept=-5.2, cosine=5.0, fused=3.0, category=2.0, overlap=1.0, reciprocal_rank=1.0
)


def relevance(features: Features, coefficients: Coefficients = RELEVANCE) -> float:
    """Probability that a document is about what the idea asks for."""
    logit = (
        coefficients.intercept
        + coefficients.cosine * features.cosine
        + coefficients.fused * features.fused
        + coefficients.category * features.category
        + coefficients.overlap * features.overlap
        + coefficients.reciprocal_rank * features.reciprocal_rank
    )
    return 1.0 / (1.0 + math.exp(-logit))


def ranks(scores: Mapping[str, float]) -> dict[str, int]:
    """1 for the highest score; equal scores in order of id."""
    order = sorted(scores, key=lambda id_: (-scores[id_], id_))
    return {id_: rank for rank, id_ in enumerate(order, start=1)}


def overlap(facets: Sequence[Facet], stems: frozenset[str]) -> float:
    """Share of the facets' weight that the stems of a document cover, facet by facet."""
    covered = 0.0
    for facet in facets:
        wanted = set(text.stems(facet.text))
        covered += facet.weight * len(wanted & stems) / max(1, len(wanted))
    return min(1.0, covered)


# A document with this share of the core's telling words, two at least, is about it.
CORE_SHARE = 2 / 3


# Heads that say what sort of thing a product is, not what it is about.
_VAGUE_HEADS = GENERIC_WORDS.union(
    ["assistant", "board", "box", "builder", "client", "dashboard", "engine", "generator", "hub"],
    ["library", "list", "maker", "management", "manager", "network", "organiser", "organizer"],
    ["planner", "planning", "portal", "server", "space", "suite", "tracker", "tracking"],
)


def head_stem(facet: str) -> str | None:
    """The stem of the last word that says what a facet is about: "expens" of "expense tracker"."""
    telling = _telling_stems(facet)
    return telling[-1] if telling else None


def _telling_stems(facet: str) -> list[str]:
    content = text.content_words(facet)
    return [text.stem(word) for word in content if word not in _VAGUE_HEADS] or list(map(text.stem, content))


def says_core(facet: str, stems: frozenset[str]) -> bool:
    """Whether a document has the head of a facet, or most of its words: "help" and "customer support"
    of "customer support help desk"."""
    telling = _telling_stems(facet)
    found = sum(stem in stems for stem in telling)
    return bool(telling) and (telling[-1] in stems or (found >= 2 and found >= CORE_SHARE * len(telling)))


# --- Passages --------------------------------------------------------------------------------

Matrix = npt.NDArray[np.float64]


def _similarities(document: Document, query: Vector, facets: Vector) -> Matrix:
    """Rows are passages; column 0 is the idea, column 1 + i facet i.

    A document without passages has one row, that of its own vector.
    """
    rows = [passage.vector for passage in document.passages] or [document.vector]
    targets = np.vstack([query[np.newaxis, :], facets]) if len(facets) else query[np.newaxis, :]
    cosines = np.asarray(rows, dtype=np.float64) @ targets.astype(np.float64).T
    return np.clip(np.round(cosines, DECIMALS), -1.0, 1.0)


def _is_new(document: Document, row: int, chosen: Iterable[int]) -> bool:
    vector = document.passages[row].vector
    return all(
        row != other and float(vector @ document.passages[other].vector) < NEAR_DUPLICATE_COSINE
        for other in chosen
    )


def _best_new(document: Document, column: npt.NDArray[np.float64], chosen: Iterable[int]) -> int | None:
    order = sorted(range(len(column)), key=lambda row: (-column[row], row))
    return next((row for row in order if _is_new(document, row, chosen)), None)


def _pick(document: Document, row: int, cosine: float, facet: int | None) -> Pick:
    passage = document.passages[row]
    return Pick(start=passage.start, end=passage.end, cosine=cosine, facet=facet)


def _quotes(document: Document, cosines: Matrix, facets: Sequence[Facet]) -> tuple[Pick, ...]:
    """The best passage for the idea, then for each facet the best that says something new.

    The heaviest facets choose first; at most four passages, none nearly equal to another.
    """
    if not document.passages:
        return ()
    chosen: list[int] = []
    picks: list[Pick] = []
    by_weight = sorted(range(len(facets)), key=lambda at: (-facets[at].weight, at))
    for facet in [None, *by_weight]:
        column = cosines[:, 0 if facet is None else facet + 1]
        row = _best_new(document, column, chosen)
        if row is None or (facet is not None and column[row] < MIN_FACET_COSINE):
            continue
        chosen.append(row)
        picks.append(_pick(document, row, float(column[row]), facet))
    return tuple(picks[:MAX_QUOTES])


# --- Judging ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Question:
    """What all documents of a run are held against."""

    facets: Sequence[Facet]
    categories: Mapping[str, float]
    query: Vector
    facet_vectors: Vector
    as_of: date
    core_cosine: float | None
    named_markets: frozenset[str] = frozenset()


def _touches_core(
    question: _Question, facet_cosines: Sequence[float], stems: frozenset[str], category: str | None
) -> bool:
    """Whether some core facet is close to a passage or its words stand in the document.

    An idea whose core is a product's name asks for the market of that product.
    """
    if category in question.named_markets:
        return True
    cores = [at for at, facet in enumerate(question.facets) if facet.type == "core"]
    near = question.core_cosine is not None and any(facet_cosines[at] >= question.core_cosine for at in cores)
    return near or not cores or any(says_core(question.facets[at].text, stems) for at in cores)


# What stands beside the name of a product that an idea is modelled on.
_LIKE = frozenset(["alternative", "alternatives", "clone", "competitor", "replacement", "rival"])


def _named(facets: Sequence[Facet], documents: Iterable[Document]) -> list[Document]:
    """The products whose names are a core facet: "Notion" for "notion alternative"."""
    wanted = [
        [word for word in text.words(facet.text) if word not in _LIKE]
        for facet in facets
        if facet.type == "core"
    ]
    return [document for document in documents if text.words(document.name) in wanted]


def _drawn(query: Vector, named: Sequence[Document]) -> Vector:
    """The query moved to what the products it names are; a name alone says nothing of the kind."""
    if not named:
        return query
    moved = query + np.mean([document.vector for document in named], axis=0)
    return np.asarray(moved / np.linalg.norm(moved), dtype=np.float32)


def _shares_only_its_name(question: _Question, document: Document) -> bool:
    """Whether the product is merely called by a word of the idea: "Drone" for "drone delivery"."""
    asked = {stem for facet in question.facets for stem in text.stems(facet.text)}
    called = asked & set(text.stems(document.name))
    if not called or called == asked or document.category in question.named_markets:
        return False
    return not asked.intersection(text.stems(document.text.replace(document.name, " ")))


def _category_mass(question: _Question, document: Document) -> float:
    if document.category is None or not question.categories:
        return UNKNOWN_CATEGORY
    return question.categories.get(document.category, 0.0)


def _in_clear_market(question: _Question, document: Document) -> bool:
    if document.category in question.named_markets:
        return True
    return document.category is not None and _category_mass(question, document) >= CLEAR_MARKET


def _judge_one(
    question: _Question, document: Document, fused: float, rank: int, independence: float
) -> Judgement:
    cosines = _similarities(document, question.query, question.facet_vectors)
    best = [float(value) for value in cosines.max(axis=0)]
    stems = frozenset(text.stems(f"{document.name}\n{document.text}"))
    features = Features(
        cosine=best[0],
        fused=fused,
        category=_category_mass(question, document),
        overlap=overlap(question.facets, stems),
        reciprocal_rank=1 / rank,
    )
    adjacent = not _touches_core(question, best[1:], stems, document.category) or _shares_only_its_name(
        question, document
    )
    relevant = relevance(features) * (ADJACENT_FACTOR if adjacent else 1.0)
    a, f = authority(document.kind), freshness(document.kind, document.published_on, question.as_of)
    return Judgement(
        document_id=document.id,
        relevance=round(relevant, DECIMALS),
        authority=a,
        freshness=round(f, DECIMALS),
        freshness_known=document.published_on is not None,
        independence=independence,
        weight=round(evidence_weight(relevant, a, f, independence), DECIMALS),
        adjacent=adjacent,
        fit="member" if not adjacent and _in_clear_market(question, document) else "direct",
        facet_cosines=tuple(best[1:]),
        reasons=_reasons(features),
        quotes=_quotes(document, cosines, question.facets),
    )


def _reasons(features: Features) -> dict[str, float]:
    return {
        "cosine": features.cosine,
        "fused": round(features.fused, DECIMALS),
        "category": round(features.category, DECIMALS),
        "overlap": round(features.overlap, DECIMALS),
        "reciprocal_rank": round(features.reciprocal_rank, DECIMALS),
    }


def _ordered(judgements: Iterable[Judgement]) -> list[Judgement]:
    return sorted(judgements, key=lambda judged: (-judged.relevance, judged.document_id))


def judge(
    interpretation: Interpretation,
    scores: Mapping[str, float],
    documents: Sequence[Document],
    query_vector: Vector,
    facet_vectors: Vector,
    *,
    as_of: date,
    core_cosine: float | None = CORE_COSINE,
) -> list[Judgement]:
    """One judgement per document, most relevant first, equals by id.

    `scores` are fused retrieval scores (0 to 1) by document id, 0 when missing; `facet_vectors`
    has one row per facet of the interpretation. `core_cosine` belongs to the scale of MiniLM;
    pass None for other embeddings, whose cosines then open no gate.
    """
    named = _named(interpretation.facets, documents)
    question = _Question(
        facets=interpretation.facets,
        categories={guess.slug: guess.probability for guess in interpretation.categories},
        query=_drawn(query_vector, named),
        facet_vectors=facet_vectors,
        as_of=as_of,
        core_cosine=core_cosine,
        named_markets=frozenset(document.category for document in named if document.category),
    )
    fused = {document.id: scores.get(document.id, 0.0) for document in documents}
    rank, independence = ranks(fused), independences(documents)
    found = _ordered(
        _judge_one(question, document, fused[document.id], rank[document.id], independence[document.id])
        for document in documents
    )
    return _with_loose(found, LOOSE_COSINE if core_cosine is not None else None)


def _with_loose(ordered: list[Judgement], min_cosine: float | None) -> list[Judgement]:
    """The judgements; where fewer than ENOUGH are kept, the nearest others are kept as loose.

    Nearest means both a share of relevance and a cosine that chance does not reach; in a space
    whose cosines have no scale, words in common.
    """
    kept = sum(judged.kept for judged in ordered)
    if kept >= ENOUGH:
        return ordered
    others = [judged for judged in ordered if not judged.kept and _comes_near(judged, min_cosine)]
    loose = {judged.document_id for judged in others[: MAX_LOOSE - kept]}
    return [
        judged.model_copy(update={"fit": "loose", "adjacent": True})
        if judged.document_id in loose
        else judged
        for judged in ordered
    ]


def _comes_near(judged: Judgement, min_cosine: float | None) -> bool:
    near = judged.reasons["overlap"] > 0 if min_cosine is None else judged.reasons["cosine"] >= min_cosine
    return near and judged.relevance >= LOOSE_RELEVANCE


def unjudged(scores: Mapping[str, float], documents: Sequence[Document]) -> list[Judgement]:
    """Stand-in when judging fails: relevance is the retrieval score, all else is neutral.

    Quotes are the first passages of each document, because nothing says which are best.
    """
    return _ordered(_unjudged_one(document, scores.get(document.id, 0.0)) for document in documents)


def _unjudged_one(document: Document, fused: float) -> Judgement:
    relevant = round(min(1.0, max(0.0, fused)), DECIMALS)
    weight = evidence_weight(relevant, NEUTRAL_AUTHORITY, UNKNOWN_FRESHNESS, 1.0)
    return Judgement(
        document_id=document.id,
        relevance=relevant,
        authority=NEUTRAL_AUTHORITY,
        freshness=UNKNOWN_FRESHNESS,
        freshness_known=False,
        independence=1.0,
        weight=round(weight, DECIMALS),
        adjacent=False,
        reasons={"fused": relevant},
        quotes=tuple(_pick(document, row, 0.0, None) for row in range(len(document.passages[:MAX_QUOTES]))),
    )
