"""The corpus as the analyst reads it, over real rows."""

from __future__ import annotations

import uuid

import numpy as np
import pytest
from pytest_django import DjangoAssertNumQueries

from manticscore.pipeline import Transient
from research.analyst import lexical
from research.analyst.documents import Vector
from research.corpus import importing, indexing, spaces
from research.corpus.importing import Record
from research.corpus.postgres import PostgresCorpus
from research.models import CorpusState, Source
from tests.helpers.meanwhile import before

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


# What others do meanwhile


def without_vector() -> None:
    """As an import leaves a source whose text changed."""
    Source.objects.filter(domain__isnull=False).update(vector=None, vector_model="")


def test_sources_that_lose_their_vectors_between_two_queries_are_left_out(reading: PostgresCorpus) -> None:
    with before('FROM "research_source" WHERE ("research_source"."id" IN', without_vector):
        found = reading.pool(lexical.idea_terms(IDEA), vector(reading)[None, :])
    assert (found.ids, found.vectors.shape) == ([], (0, 384))


def test_document_whose_text_changes_between_two_queries_is_left_out(
    reading: PostgresCorpus, corpus: list[Record]
) -> None:
    kept, changed = Source.objects.order_by("pk")[:2]
    record = next(record for record in corpus if record.key == changed.key)
    rewritten = importing.Record(**{**vars_of(record), "text": "Something else now."})
    with before('FROM "research_passage"', lambda: importing.store("catalogue", [rewritten])):
        found = reading.documents([str(changed.pk), str(kept.pk)])
    assert [document.id for document in found] == [str(kept.pk)]


def indexed_anew() -> None:
    """One source more, and with a space fitted on the corpus everything is in another one."""
    importing.store("test", [importing.Record("x", "Xylo", "https://xylo.example", "Xylo keeps recipes.")])
    indexing.index()


def test_nothing_found_in_a_space_that_was_left_is_no_answer(reading: PostgresCorpus) -> None:
    ids = [str(key) for key in Source.objects.values_list("pk", flat=True)]
    left, queries = reading.space, vector(reading)[None, :]
    indexed_anew()
    with pytest.raises(Transient):
        reading.pool(lexical.idea_terms(IDEA), queries)
    assert reading.space != left, "it has moved too"
    assert reading.pool(lexical.idea_terms(IDEA), reading.embed([IDEA])).ids
    assert len(reading.documents(ids)) == len(ids)


def test_documents_of_a_space_that_was_left(reading: PostgresCorpus) -> None:
    ids = [str(key) for key in Source.objects.values_list("pk", flat=True)]
    indexed_anew()
    with pytest.raises(Transient):
        reading.documents(ids)
    assert len(reading.documents(ids)) == len(ids)


def test_a_space_that_is_left_between_two_queries(reading: PostgresCorpus) -> None:
    queries = vector(reading)[None, :]
    at = 'FROM "research_source" WHERE ("research_source"."id" IN'
    with before(at, indexed_anew), pytest.raises(Transient):
        reading.pool(lexical.idea_terms(IDEA), queries)
