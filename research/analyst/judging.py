"""How much each found document counts as evidence, and which of its sentences to quote."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import Field

from research.analyst import text
from research.analyst.documents import Document, Vector
from research.analyst.interpretation import GENERIC_WORDS
from research.schemas import Facet, Interpretation, Shape

KEEP_RELEVANCE = 0.4
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


class Judgement(Shape):
    """What one document is worth as evidence; every share is between 0 and 1.

    `weight` is relevance x (.5 + .5 authority) x (.4 + .6 freshness) x independence. `adjacent`
    documents lack the core of the idea, and their relevance is halved. `facet_cosines` holds,
    per facet, the similarity of the passage closest to it; `reasons` the numbers decided on.
    """

    document_id: str
    relevance: float = Field(ge=0, le=1)
    authority: float = Field(ge=0, le=1)
    freshness: float = Field(ge=0, le=1)
    freshness_known: bool
    independence: float = Field(gt=0, le=1)
    weight: float = Field(ge=0, le=1)
    adjacent: bool
    facet_cosines: tuple[float, ...] = ()
    reasons: dict[str, float] = Field(default_factory=dict)
    quotes: tuple[Pick, ...] = ()

    @property
    def kept(self) -> bool:
        return self.relevance >= KEEP_RELEVANCE


# --- Source quality --------------------------------------------------------------------------

# Who speaks: the makers themselves, an edited collection, the press, the crowd, an advertiser.
_AUTHORITY = {
    **dict.fromkeys(["site", "product", "repository", "release", "documentation", "pricing"], 1.0),
    **dict.fromkeys(["registry", "encyclopedia", "catalogue"], 0.9),
    "news": 0.7,
    "forum": 0.5,
    "listicle": 0.3,
}

# Days after which a statement of this kind is worth half.
_HALF_LIFE = {
    **dict.fromkeys(["pricing", "news"], 90.0),
    **dict.fromkeys(["repository", "release"], 180.0),
    **dict.fromkeys(["site", "product", "documentation"], 365.0),
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


# Heads that say what sort of thing a product is, not what it is about.
_VAGUE_HEADS = GENERIC_WORDS.union(
    ["assistant", "board", "box", "builder", "client", "dashboard", "engine", "generator", "hub"],
    ["library", "list", "maker", "management", "manager", "network", "organiser", "organizer"],
    ["planner", "planning", "portal", "server", "space", "suite", "tracker", "tracking"],
)


def head_stem(facet: str) -> str | None:
    """The stem of the last word that says what a facet is about: "expens" of "expense tracker"."""
    content = text.content_words(facet)
    telling = [word for word in content if word not in _VAGUE_HEADS] or content
    return text.stem(telling[-1]) if telling else None


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


def _touches_core(question: _Question, facet_cosines: Sequence[float], stems: frozenset[str]) -> bool:
    """Whether some core facet is close to a passage or its head word stands in the document."""
    cores = [at for at, facet in enumerate(question.facets) if facet.type == "core"]
    near = question.core_cosine is not None and any(facet_cosines[at] >= question.core_cosine for at in cores)
    return near or not cores or any(head_stem(question.facets[at].text) in stems for at in cores)


def _category_mass(question: _Question, document: Document) -> float:
    if document.category is None or not question.categories:
        return UNKNOWN_CATEGORY
    return question.categories.get(document.category, 0.0)


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
    adjacent = not _touches_core(question, best[1:], stems)
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
    question = _Question(
        facets=interpretation.facets,
        categories={guess.slug: guess.probability for guess in interpretation.categories},
        query=query_vector,
        facet_vectors=facet_vectors,
        as_of=as_of,
        core_cosine=core_cosine,
    )
    fused = {document.id: scores.get(document.id, 0.0) for document in documents}
    rank, independence = ranks(fused), independences(documents)
    return _ordered(
        _judge_one(question, document, fused[document.id], rank[document.id], independence[document.id])
        for document in documents
    )


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
