"""The corpus over PostgreSQL: candidates by vector and by words, documents with their passages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import numpy as np
from django.db import connection
from django.db.models import Count
from pgvector.django import CosineDistance

from manticscore.pipeline import Transient
from research.analyst import lexical
from research.analyst.documents import Document, Hit, Passage, Pool, Vector
from research.corpus import spaces
from research.models import CorpusState, Source, Term
from research.models.source import DIMENSIONS

NEAREST_BY_VECTOR = 200
NEAREST_BY_WORDS = 100

# Sources that hold any of the terms, by the summed weight of those they hold.
BY_WORDS = """
    SELECT id FROM research_source
    WHERE terms && %(terms)s::text[] AND vector_model = %(space)s
    ORDER BY (SELECT sum(wanted.weight)
              FROM unnest(%(terms)s::text[], %(weights)s::float8[]) AS wanted (term, weight)
              WHERE wanted.term = ANY (terms)) DESC, id
    LIMIT %(limit)s
"""


class PostgresCorpus:
    """`analyst.documents.Corpus` as it was when this object was made; make one per run.

    When all sources move to another space meanwhile, none is found in this one any more. That is no answer:
    `pool` and `documents` raise Transient then, and whoever asks again asks the corpus as it is now.
    """

    def __init__(self) -> None:
        self._open()

    def _open(self) -> None:
        self._category_sizes: dict[str, int] | None = None
        self._state = CorpusState.objects.filter(pk=1).first() or CorpusState()
        self.space = self._state.space_id or spaces.NONE

    @property
    def size(self) -> int:
        return self._state.sources

    @property
    def revision(self) -> int:
        return self._state.revision

    def embed(self, texts: Sequence[str]) -> Vector:
        """In the space that the corpus is in, also after it moved."""
        return spaces.embedder(self.space)(texts)

    def search(self, text: str, vector: Vector, limit: int) -> list[Hit]:
        """The documents nearest to a text, by vector."""
        found = self.pool(lexical.idea_terms(text), vector[None, :])
        cosines = found.vectors @ vector
        best = sorted(range(len(found.ids)), key=lambda row: (-round(float(cosines[row]), 6), found.ids[row]))
        return [Hit(found.ids[row], float(found.lexical[row]), float(cosines[row])) for row in best[:limit]]

    def pool(self, terms: Mapping[str, float], vectors: Vector) -> Pool:
        """Candidates near any of the query vectors or holding the query's terms. Raises Transient."""
        weights = lexical.weighted(terms, self.document_frequency(list(terms)), self.size)
        ids = self._nearest_by_words(weights)
        for vector in vectors:
            ids |= self._nearest_by_vector(vector)
        rows = Source.objects.filter(id__in=ids, vector_model=self.space).order_by("id")
        found = list(rows.values_list("id", "vector", "terms"))
        if not ids or len(found) < len(ids):
            self._stay()
        matrix = np.array([vector for _, vector, _ in found], dtype=np.float32)
        matrix = matrix.reshape(len(found), DIMENSIONS)
        scores = lexical.bm25(weights, [stems for _, _, stems in found], self._state.mean_length)
        return Pool([str(source_id) for source_id, _, _ in found], matrix, scores)

    def documents(self, ids: Sequence[str]) -> list[Document]:
        """The documents in the order of `ids`; one that was deleted or changed meanwhile is left out.

        Raises Transient.
        """
        sources = Source.objects.filter(id__in=ids, vector_model=self.space).defer("terms")
        sources = sources.prefetch_related("passages")
        found = {str(source.pk): as_document(source) for source in sources if is_whole(source)}
        if len(found) < len(set(ids)):
            self._stay()
        return [found[source_id] for source_id in ids if source_id in found]

    def document_frequency(self, stems: Sequence[str]) -> dict[str, int]:
        """In how many sources each stem occurs; stems that occur in none are left out."""
        return dict(Term.objects.filter(stem__in=stems).values_list("stem", "sources"))

    def category_sizes(self) -> dict[str, int]:
        if self._category_sizes is None:
            sized = Source.objects.exclude(category=None).values_list("category")
            self._category_sizes = dict(sized.annotate(Count("id")).order_by("category"))
        return self._category_sizes

    def _stay(self) -> None:
        """Nothing while the corpus is in the same space; else goes there too and raises Transient."""
        if CorpusState.objects.filter(pk=1).exclude(space=self.space).exists():
            self._open()
            raise Transient("The sources were indexed anew during the run.")

    def _nearest_by_vector(self, vector: Vector) -> set[UUID]:
        near = Source.objects.filter(vector_model=self.space).order_by(CosineDistance("vector", vector), "id")
        return set(near.values_list("id", flat=True)[:NEAREST_BY_VECTOR])

    def _nearest_by_words(self, weights: Mapping[str, float]) -> set[UUID]:
        parameters: dict[str, Any] = {
            "terms": list(weights),
            "weights": list(weights.values()),
            "space": self.space,
            "limit": NEAREST_BY_WORDS,
        }
        with connection.cursor() as cursor:
            cursor.execute(BY_WORDS, parameters)
            return {row[0] for row in cursor.fetchall()}


def is_whole(source: Source) -> bool:
    """False when its passages are of another text or have no vectors: it was changed between two queries."""
    passages = source.passages.all()
    return all(passage.vector is not None and passage.end <= len(source.text) for passage in passages)


def as_document(source: Source) -> Document:
    passages = sorted(source.passages.all(), key=lambda passage: passage.start)
    return Document(
        id=str(source.pk),
        name=source.name,
        url=source.url,
        domain=source.domain,
        origin=source.origin,
        kind=source.kind,
        text=source.text,
        category=source.category,
        founded=source.founded,
        pricing=source.pricing,
        published_on=source.published_on,
        vector=np.asarray(source.vector, dtype=np.float32),
        passages=tuple(
            Passage(
                passage.start,
                passage.end,
                source.text[passage.start : passage.end],
                np.asarray(passage.vector, dtype=np.float32),
            )
            for passage in passages
        ),
        facts=source.facts,
    )
