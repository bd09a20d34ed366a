"""A corpus in memory and an embedding made of word counts, for tests of the analyst."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from datetime import date

import numpy as np

from research.analyst import text
from research.analyst.documents import Document, Hit, Passage, Vector

DIMENSIONS = 512


def _direction(stem: str) -> int:
    return int.from_bytes(hashlib.blake2b(stem.encode(), digest_size=4).digest(), "big") % DIMENSIONS


def embed(texts: Sequence[str]) -> Vector:
    """Unit vectors whose cosine is the share of stems two texts have in common."""
    vectors = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
    for row, content in enumerate(texts):
        for stem in text.stems(content):
            vectors[row, _direction(stem)] += 1
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-9), dtype=np.float32)


def document(
    id_: str,
    content: str,
    *,
    name: str | None = None,
    category: str | None = None,
    url: str | None = None,
    kind: str = "product page",
    published_on: date | None = None,
) -> Document:
    """A document with a passage per sentence."""
    spans = text.sentences(content)
    vectors = embed([span.text for span in spans])
    url = url or f"https://{id_}.example"
    return Document(
        id=id_,
        name=name or id_.title(),
        url=url,
        domain=text.registrable_domain(url),
        origin="test",
        kind=kind,
        text=content,
        category=category,
        founded=None,
        pricing=None,
        published_on=published_on,
        vector=embed([content])[0],
        passages=tuple(
            Passage(span.start, span.end, span.text, vectors[row]) for row, span in enumerate(spans)
        ),
    )


class MemoryCorpus:
    """A corpus that scans its documents."""

    def __init__(self, documents: Sequence[Document]) -> None:
        self._documents = {document.id: document for document in documents}

    @property
    def size(self) -> int:
        return len(self._documents)

    def search(self, text: str, vector: Vector, limit: int) -> list[Hit]:
        hits = [Hit(found.id, 0.0, float(found.vector @ vector)) for found in self._documents.values()]
        return sorted(hits, key=lambda hit: (-hit.cosine, hit.document_id))[:limit]

    def documents(self, ids: Sequence[str]) -> list[Document]:
        return [self._documents[id_] for id_ in ids]

    def document_frequency(self, stems: Sequence[str]) -> dict[str, int]:
        counts = Counter(stem for found in self._documents.values() for stem in set(text.stems(found.text)))
        return {stem: counts[stem] for stem in stems if counts[stem]}

    def category_sizes(self) -> dict[str, int]:
        return dict(Counter(found.category for found in self._documents.values() if found.category))


PRODUCTS = [
    document(
        "mealbox", "A recipe manager for families. It plans meals and shopping lists.", category="recipes"
    ),
    document("cookpad", "A recipe app where people share recipes and cooking tips.", category="recipes"),
    document("dealdesk", "A CRM for sales teams. It tracks customers and deals.", category="crm"),
    document(
        "ledgerly",
        "Invoicing and accounting for freelancers. It imports bank statements.",
        category="accounting",
    ),
    document(
        "tickoff", "A to-do list with reminders and a list of tasks for teams.", category="task-management"
    ),
    document("clockwise", "Time tracking for teams with reports.", category="time-tracking"),
]


def corpus() -> MemoryCorpus:
    return MemoryCorpus(PRODUCTS)
