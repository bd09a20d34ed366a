"""The corpus as the analyst reads it, over real rows."""

from __future__ import annotations

import uuid

import numpy as np
import pytest
from pytest_django import DjangoAssertNumQueries

from research import importing, indexing, spaces
from research.analyst import lexical
from research.analyst.documents import Vector
from research.corpus import PostgresCorpus
from research.importing import Record
from research.models import CorpusState, Source

IDEA = "a recipe box for families that plans meals"
RECIPES = "recipes-and-meal-planning"


def vector(corpus: PostgresCorpus, text: str = IDEA) -> Vector:
    one: Vector = spaces.embedder(corpus.space)([text])[0]
    return one


@pytest.fixture
def reading(corpus: list[Record]) -> PostgresCorpus:
    return PostgresCorpus()


def test_size_and_revision(reading: PostgresCorpus, corpus: list[Record]) -> None:
    assert (reading.size, reading.revision) == (len(corpus), 1)
    assert reading.space.startswith("lsa-")


def test_search_finds_the_market(reading: PostgresCorpus) -> None:
    hits = reading.search(IDEA, vector(reading), 8)
    found = reading.documents([hit.document_id for hit in hits])
    assert [document.category for document in found].count(RECIPES) >= 6
    cosines = [hit.cosine for hit in hits]
    assert cosines == sorted(cosines, reverse=True)
    assert all(hit.lexical >= 0 for hit in hits)


def test_search_is_the_same_every_time(reading: PostgresCorpus) -> None:
    query = vector(reading)
    assert reading.search(IDEA, query, 20) == PostgresCorpus().search(IDEA, query, 20)


def test_search_obeys_its_limit(reading: PostgresCorpus) -> None:
    assert len(reading.search(IDEA, vector(reading), 3)) == 3


def test_pool_has_a_row_for_every_candidate(reading: PostgresCorpus, corpus: list[Record]) -> None:
    pool = reading.pool(lexical.idea_terms(IDEA), vector(reading)[None, :])
    assert len(pool.ids) == len(corpus) == len(pool.vectors) == len(pool.lexical)
    assert pool.ids == sorted(pool.ids)
    assert pool.vectors.shape == (len(corpus), 384)
    scores = dict(zip(pool.ids, pool.lexical, strict=True))
    assert min(scores.values()) == 0
    assert Source.objects.get(pk=max(scores, key=lambda key: scores[key])).category != "password-managers"


def test_pool_without_vectors_is_what_holds_the_words(reading: PostgresCorpus) -> None:
    pool = reading.pool(lexical.idea_terms("pantry"), np.zeros((0, 384), dtype=np.float32))
    names = {source.name for source in Source.objects.filter(pk__in=pool.ids)}
    assert names == {source.name for source in Source.objects.all() if "pantri" in source.terms}
    assert names


def test_pool_of_nothing(reading: PostgresCorpus) -> None:
    pool = reading.pool(lexical.idea_terms("qzxv"), np.zeros((0, 384), dtype=np.float32))
    assert (pool.ids, pool.vectors.shape, len(pool.lexical)) == ([], (0, 384), 0)


def test_documents_come_in_the_order_asked_for(reading: PostgresCorpus) -> None:
    ids = [str(key) for key in Source.objects.order_by("-name").values_list("pk", flat=True)[:5]]
    assert [document.id for document in reading.documents(ids)] == ids


def test_passages_of_a_document_stand_in_its_text(reading: PostgresCorpus) -> None:
    for document in reading.documents([str(key) for key in Source.objects.values_list("pk", flat=True)]):
        assert len(document.passages) >= 8
        assert [p.start for p in document.passages] == sorted(p.start for p in document.passages)
        for passage in document.passages:
            assert document.text[passage.start : passage.end] == passage.text
            assert passage.vector.shape == (384,)
        assert document.vector.shape == (384,)


def test_documents_take_two_queries(
    reading: PostgresCorpus, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    ids = [str(key) for key in Source.objects.values_list("pk", flat=True)]
    with django_assert_num_queries(2):
        assert len(reading.documents(ids)) == len(ids)


def test_document_that_is_gone_is_left_out(reading: PostgresCorpus) -> None:
    kept, gone = Source.objects.order_by("pk")[:2]
    ids = [str(gone.pk), str(uuid.uuid4()), str(kept.pk)]
    gone.delete()
    assert [document.id for document in reading.documents(ids)] == [str(kept.pk)]


def test_document_that_is_being_changed_is_left_out(reading: PostgresCorpus, corpus: list[Record]) -> None:
    """Between an import and its indexing a source has no vectors; a run must not stumble over it."""
    kept, changed = Source.objects.order_by("pk")[:2]
    record = next(record for record in corpus if record.key == changed.key)
    importing.store("catalogue", [importing.Record(**{**vars_of(record), "text": "Something else now."})])
    assert [d.id for d in reading.documents([str(changed.pk), str(kept.pk)])] == [str(kept.pk)]
    assert str(changed.pk) not in reading.pool(lexical.idea_terms(IDEA), vector(reading)[None, :]).ids


def vars_of(record: Record) -> dict[str, object]:
    return {name: getattr(record, name) for name in Record.__dataclass_fields__}


def test_document_frequency(reading: PostgresCorpus) -> None:
    counts = reading.document_frequency(["recip", "password", "qzxv"])
    holding = {
        stem: sum(stem in terms for terms in Source.objects.values_list("terms", flat=True))
        for stem in ("recip", "password")
    }
    assert counts == holding
    assert counts["recip"] > 5


def test_category_sizes(reading: PostgresCorpus) -> None:
    assert reading.category_sizes() == {
        "food-and-grocery-delivery": 9,
        "password-managers": 9,
        RECIPES: 11,
    }


@pytest.mark.django_db
def test_empty_corpus() -> None:
    empty = PostgresCorpus()
    assert (empty.size, empty.revision, empty.space) == (0, 0, spaces.NONE)
    assert empty.search(IDEA, vector(empty), 10) == []
    assert empty.documents([]) == []
    assert empty.category_sizes() == {}
    assert empty.document_frequency(["recip"]) == {}


def test_corpus_is_as_it_was_when_the_run_began(reading: PostgresCorpus) -> None:
    space = reading.space
    importing.store(
        "other", [importing.parse({"id": "x", "name": "X", "url": "https://x.example", "text": "X."})]
    )
    indexing.index()
    assert (reading.space, reading.revision) == (space, 1)
    assert CorpusState.objects.get().revision == 2
