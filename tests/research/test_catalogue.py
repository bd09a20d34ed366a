"""Loading the seed catalogue: whole, once, and with the shipped vectors where the model is there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from manticscore.clients.embeddings import MiniLM
from research.analyst.documents import Vector
from research.corpus import catalogue, indexing, spaces
from research.models import CorpusState, Passage, Source

pytestmark = pytest.mark.django_db


def test_load_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    some = catalogue.records()[::40]
    monkeypatch.setattr(catalogue, "records", lambda: some)
    count = catalogue.load()
    assert count == Source.objects.count() == len(some)
    state = CorpusState.objects.get()
    assert (state.sources, state.catalogue) == (count, catalogue.file_digest())
    assert not Passage.objects.filter(vector=None).exists()
    before = list(Source.objects.order_by("id").values_list("id", "fetched_at", "vector_model"))
    assert catalogue.load() == 0
    assert list(Source.objects.order_by("id").values_list("id", "fetched_at", "vector_model")) == before
    assert CorpusState.objects.get().revision == state.revision


def test_shipped_vectors_save_the_embedding_and_are_the_models_own(
    minilm: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedded: list[str] = []

    def count(model: MiniLM, texts: Sequence[str]) -> Vector:
        embedded.extend(texts)
        raise AssertionError("nothing is left to embed")

    real = MiniLM.embed
    monkeypatch.setattr(MiniLM, "embed", count)
    loaded = catalogue.load()
    assert embedded == []
    assert loaded == len(catalogue.records()) >= 400
    assert CorpusState.objects.get().space_id == spaces.MINILM
    assert Source.objects.filter(vector_model=spaces.MINILM).count() == loaded
    model = spaces.minilm()
    assert model is not None
    sample = list(Source.objects.order_by("id")[::97])
    computed = real(model, [indexing.lead(source.name, source.text) for source in sample])
    for source, vector in zip(sample, computed, strict=True):
        assert float(np.dot(source.vector, vector)) > 0.999
    passages = list(Passage.objects.select_related("source").order_by("source_id", "start")[::997])
    computed = real(model, [p.source.text[p.start : p.end] for p in passages])
    for passage, vector in zip(passages, computed, strict=True):
        assert float(np.dot(passage.vector, vector)) > 0.999


def test_load_repairs_what_an_interruption_left(corpus: list[object]) -> None:
    """As after a kill between storing and indexing, or when the model has come or gone."""
    CorpusState.objects.update(catalogue=catalogue.file_digest())
    Source.objects.filter(pk=Source.objects.order_by("pk")[0].pk).update(vector=None, vector_model="")
    assert catalogue.load() == 0
    assert indexing.is_complete()
    assert Source.objects.count() == len(corpus)


def test_load_follows_a_change_of_the_model(corpus: list[object], minilm: None) -> None:
    CorpusState.objects.update(catalogue=catalogue.file_digest())
    Source.objects.exclude(pk__in=Source.objects.order_by("pk")[:2].values("pk")).delete()
    assert catalogue.load() == 0
    assert CorpusState.objects.get().space_id == spaces.MINILM
    assert set(Source.objects.values_list("vector_model", flat=True)) == {spaces.MINILM}
