"""A small market of garden planners, judged and embedded without any model.

Two sources describe Plantwise; Seedbox is new, Mossy is abandoned, Courier is no garden planner.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from datetime import date
from functools import cache
from typing import Any

import numpy as np

from research.analyst.documents import Document, Passage, Vector
from research.analyst.judging import Judgement, Pick
from research.analyst.landscape import Analysis, analyze, synthesize, vocabulary
from research.analyst.text import sentences, stems
from research.schemas import CategoryGuess, Facet, Interpretation, Landscape, Quality

AS_OF = date(2026, 11, 21)
DIMENSIONS = 512
CORPUS_SIZE = 400

IDEA = "a garden planner with frost alerts and no cookies"
FACETS = [
    Facet(text="garden planner", type="core", weight=0.4),
    Facet(text="frost alerts", type="mechanism", weight=0.35),
    Facet(text="no cookies", type="constraint", weight=0.25),
]

GARDENS = "garden-planning"
TEXTS: dict[str, tuple[str, int | None, str, str]] = {
    "plantwise": (
        "Plantwise",
        2009,
        GARDENS,
        "Plantwise is a garden planner with a planting calendar and crop rotation. It sends frost "
        "alerts by email. Plantwise draws beds on a plan with drag and drop. It keeps a harvest log"
        " for every bed. Plantwise has no soil sensor support. Users complain that the harvest log "
        "is slow. Plantwise raised its prices in 2025. It works offline on the phone.",
    ),
    "bedmaker": (
        "Bedmaker",
        2011,
        GARDENS,
        "Bedmaker is a garden planner for small plots, often named as an alternative to Plantwise. "
        "It has a planting calendar with local dates. Bedmaker includes crop rotation and companion"
        " planting. It does not support frost alerts. Bedmaker works without cookies. It is missing"
        " a harvest log, soil sensor support and seed inventory. Users complain that Bedmaker is "
        "too expensive.",
    ),
    "rootline": (
        "Rootline",
        2014,
        GARDENS,
        "Rootline is a garden planner that competes with Plantwise. It offers companion planting "
        "and a planting calendar. Rootline stores a seed inventory with expiry dates. It needs no "
        "cookies and no account. Rootline lacks crop rotation. It was acquired by Meadow in 2024.",
    ),
    "tendril": (
        "Tendril",
        2016,
        GARDENS,
        "Tendril is a garden planner compared with Plantwise for its crop rotation. It has a seed "
        "inventory and a harvest log. Tendril has companion planting charts. It has no soil sensor "
        "support, and no frost alerts. Tendril launched a planting calendar in 2025. Users wish for"
        " a darker theme.",
    ),
    "seedbox": (
        "Seedbox",
        2025,
        GARDENS,
        "Seedbox is a garden planner with soil sensor support. It reads moisture from soil sensors "
        "in every bed. Seedbox has a planting calendar and a seed inventory. It sends weekly tips. "
        "Unlike Bedmaker, it is cookieless.",
    ),
    "mossy": (
        "Mossy",
        2012,
        GARDENS,
        "Mossy is a garden planner on the command line. It prints a planting calendar as text. "
        "Mossy stores a seed inventory in a file. It has companion planting tables.",
    ),
    "courier": (
        "Courier",
        1998,
        "parcel-delivery",
        "Courier is a parcel delivery service. It sends frost alerts to drivers. Courier has a "
        "tracking page.",
    ),
    "plantwise-news": (
        "Plantwise",
        None,
        GARDENS,
        "Plantwise is the garden planner most gardeners start with. Its planting calendar covers "
        "two hundred crops.",
    ),
}
FACTS: dict[str, dict[str, Any]] = {
    "mossy": {
        "archived": False,
        "commits_by_month": {f"{2025 + m // 12}-{m % 12 + 1:02d}": 0 for m in range(8, 20)},
    },
    "seedbox": {"commits_by_month": {f"{2025 + m // 12}-{m % 12 + 1:02d}": m for m in range(8, 20)}},
}


def embed(texts: Sequence[str]) -> Vector:
    """Unit vectors of hashed word stems: texts with the same words are near one another.

    The first dimension is common to all, as unrelated texts are not at right angles in real models.
    """
    rows = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
    rows[:, 0] = 0.8
    for row, text in enumerate(texts):
        for stem in stems(text):
            digest = hashlib.blake2b(stem.encode(), digest_size=4).digest()
            rows[row, int.from_bytes(digest) % (DIMENSIONS - 1) + 1] += 1.0
    unit: Vector = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return unit


def document(id: str, text: str | None = None, **changes: Any) -> Document:
    """A document of the market by its key, or a new one with its own text."""
    name, founded, category, stored = TEXTS.get(id, (id.title(), None, GARDENS, ""))
    body = stored if text is None else text
    spans = sentences(body)
    vectors = embed([span.text for span in spans])
    fields: dict[str, Any] = {
        "id": id,
        "name": name,
        "url": f"https://{id}.example",
        "domain": f"{name.lower()}.example",
        "origin": "catalogue",
        "kind": "news" if id.endswith("-news") else "product page",
        "text": body,
        "category": category,
        "founded": founded,
        "pricing": "subscription",
        "published_on": date(2026, 9, 1),
        "vector": embed([body])[0],
        "passages": tuple(
            Passage(span.start, span.end, span.text, vector)
            for span, vector in zip(spans, vectors, strict=True)
        ),
        "facts": FACTS.get(id, {}),
    }
    return Document(**{**fields, **changes})


def judgement(
    of: Document, *, weight: float = 0.7, adjacent: bool = False, relevance: float = 0.8
) -> Judgement:
    picks = tuple(
        Pick(start=passage.start, end=passage.end, cosine=0.5, facet=None if place == 0 else place - 1)
        for place, passage in enumerate(of.passages[:3])
    )
    return Judgement(
        document_id=of.id,
        relevance=relevance,
        authority=0.9,
        freshness=0.8,
        freshness_known=True,
        independence=1.0,
        weight=weight,
        adjacent=adjacent,
        quotes=picks,
    )


def judged(*ids: str) -> list[tuple[Document, Judgement]]:
    """The named documents of the market with their judgements; all of them by default."""
    documents = [document(id) for id in ids or TEXTS]
    return [(one, judgement(one, adjacent=one.id == "courier")) for one in documents]


def interpretation(facets: Sequence[Facet] = FACETS) -> Interpretation:
    return Interpretation(
        facets=list(facets),
        categories=[CategoryGuess(slug=GARDENS, probability=0.8)],
        understanding=0.7,
        queries=[IDEA],
    )


def facet_vectors(facets: Sequence[Facet] = FACETS) -> Vector:
    return embed([facet.text for facet in facets])


def frequencies(items: Sequence[tuple[Document, Judgement]]) -> dict[str, int]:
    return dict(Counter(stem for one, _ in items for stem in set(stems(one.text))))


def analysis(items: Sequence[tuple[Document, Judgement]] | None = None) -> Analysis:
    """Of the whole market, computed once, or of the given documents."""
    return _whole_market() if items is None else _analysis(items)


@cache
def _whole_market() -> Analysis:
    return _analysis(judged())


def _analysis(items: Sequence[tuple[Document, Judgement]]) -> Analysis:
    known = frequencies(items)
    return analyze(
        interpretation(),
        items,
        facet_vectors=facet_vectors(),
        embed=embed,
        as_of=AS_OF,
        corpus_size=CORPUS_SIZE,
        document_frequency={stem: known.get(stem, 0) for stem in vocabulary(items)},
    )


def landscape(items: Sequence[tuple[Document, Judgement]] | None = None) -> Landscape:
    return synthesize(
        IDEA,
        interpretation(),
        analysis(items),
        quality=Quality(score=50.0, parts=[], caps=[]),
        as_of=AS_OF,
        embedding_model="hashed stems",
        corpus_size=CORPUS_SIZE,
        sources_considered=len(TEXTS),
    )


def texts() -> dict[str, str]:
    """Source texts by id."""
    return {id: text for id, (_, _, _, text) in TEXTS.items()}
