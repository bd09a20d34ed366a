"""What the analyst reads: documents cut into passages, with their vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float32]


class Embed(Protocol):
    """Turns texts into unit vectors, one row per text."""

    def __call__(self, texts: Sequence[str]) -> Vector: ...


@dataclass(frozen=True, slots=True)
class Passage:
    """One sentence of a document; `document.text[start:end] == text`, always."""

    start: int
    end: int
    text: str
    vector: Vector


@dataclass(frozen=True, slots=True)
class Document:
    """A stored source that describes one product.

    `facts` holds what the source says in numbers rather than sentences: `stars`, `archived`,
    `commits_by_month` ({"2026-01": 12}), `released_on`, `licenses`. Every key may be missing.
    `published_on` is the day the content was last known to be current, None when unknown.
    """

    id: str
    name: str
    url: str
    domain: str
    origin: str
    kind: str
    text: str
    category: str | None
    founded: int | None
    pricing: str | None
    published_on: date | None
    vector: Vector
    passages: tuple[Passage, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Hit:
    """A document found for a query, with the raw score of each retrieval half."""

    document_id: str
    lexical: float
    cosine: float


@dataclass(frozen=True, slots=True)
class Pool:
    """Candidates of a query, ordered by id: unit vectors (one row each) and word scores."""

    ids: list[str]
    vectors: Vector
    lexical: npt.NDArray[np.float64]


class Corpus(Protocol):
    """Read access to everything the system knows; implemented over PostgreSQL."""

    @property
    def size(self) -> int: ...

    def search(self, text: str, vector: Vector, limit: int) -> list[Hit]: ...

    def pool(self, terms: Mapping[str, float], vectors: Vector) -> Pool: ...

    def documents(self, ids: Sequence[str]) -> list[Document]: ...

    def document_frequency(self, stems: Sequence[str]) -> dict[str, int]: ...

    def category_sizes(self) -> dict[str, int]: ...
