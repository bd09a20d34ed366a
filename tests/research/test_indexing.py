"""Indexing: only what changed is embedded, an interrupted run goes on, a change of model does everything."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.conf import LazySettings
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from research.analyst import text as texts
from research.analyst.documents import Vector
from research.corpus import importing, indexing, spaces
from research.models import CorpusState, EmbeddingSpace, Passage, Source, Term

pytestmark = pytest.mark.django_db
KEY = re.compile(r"[0-9a-f]{32}")
NAMES = ["Mealie", "Paprika", "Tandoor", "Grocy"]


def store(names: Sequence[str] = NAMES, text: str = "{} keeps recipes. It plans meals.") -> None:
    rows = [
        importing.parse(
            {"id": name, "name": name, "url": f"https://{name}.example", "text": text.format(name)}
        )
        for name in names
    ]
    importing.store("test", rows)


class Counting:
    """Stands in for the model: vectors of the right form at once, and a note of what was embedded."""

    def __init__(self, fail_after: int | None = None) -> None:
        self.batches: list[list[str]] = []
        self.fail_after = fail_after

    def embed(self, content: Sequence[str]) -> Vector:
        if len(self.batches) == self.fail_after:
            raise KeyboardInterrupt
        self.batches.append(list(content))
        rows = [np.random.default_rng(len(text)).standard_normal(384) for text in content]
        unit: Vector = np.array([row / np.linalg.norm(row) for row in rows], dtype=np.float32)
        return unit

    @property
    def seen(self) -> list[str]:
        return [text for batch in self.batches for text in batch]


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Counting:
    counting = Counting()
    monkeypatch.setattr(spaces, "minilm", lambda: counting)
    return counting


def assert_complete(space: str) -> None:
    assert set(Source.objects.values_list("vector_model", flat=True)) == {space}
    assert not Source.objects.filter(vector=None).exists()
    assert not Passage.objects.filter(vector=None).exists()
    state = CorpusState.objects.get()
    assert (state.space_id, state.sources) == (space, Source.objects.count())
    assert indexing.is_complete()


def test_everything_gets_vectors_and_terms(model: Counting) -> None:
    store()
    assert not indexing.is_complete()
    assert indexing.index() == 4
    assert_complete(spaces.MINILM)
    assert len(model.seen) == 4 + 8
    source = Source.objects.get(key="Mealie")
    assert source.terms == texts.stems("Mealie: Mealie keeps recipes. It plans meals.")
    assert "Mealie: Mealie keeps recipes. It plans meals." in model.seen


def test_second_run_does_nothing(model: Counting) -> None:
    store()
    indexing.index()
    before, revision = len(model.seen), CorpusState.objects.get().revision
    assert indexing.index() == 0
    assert (len(model.seen), CorpusState.objects.get().revision) == (before, revision)


def test_only_what_changed_is_embedded(model: Counting) -> None:
    store()
    indexing.index()
    model.batches.clear()
    store(["Mealie"], "{} forgets recipes.")
    store(["Bring"])
    assert indexing.index() == 2
    assert sorted(model.seen) == [
        "Bring keeps recipes.",
        "Bring: Bring keeps recipes. It plans meals.",
        "It plans meals.",
        "Mealie forgets recipes.",
        "Mealie: Mealie forgets recipes.",
    ]
    assert_complete(spaces.MINILM)


def test_interrupted_run_goes_on(model: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexing, "BATCH", 2)
    store([f"Product{number}" for number in range(7)])
    model.fail_after = 2
    with pytest.raises(KeyboardInterrupt):
        indexing.index()
    assert Source.objects.exclude(vector=None).count() == 4
    assert not indexing.is_complete()
    model.fail_after = None
    done = {text for text in model.seen}
    model.batches.clear()
    assert indexing.index() == 3
    assert not done & {text for text in model.seen if ":" in text}
    assert_complete(spaces.MINILM)


def test_statistics_come_with_the_last_vectors(model: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that dies right after its last batch must not leave old counts behind for good."""
    store()
    indexing.index()
    store(["Bring"])

    def die(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        indexing.index(die)
    assert_complete(spaces.MINILM)
    assert Term.objects.get(stem="bring").sources == 1


def test_progress_is_told(model: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexing, "BATCH", 3)
    store()
    told: list[tuple[int, int]] = []
    indexing.index(lambda done, total: told.append((done, total)))
    assert told == [(3, 4), (4, 4)]


def test_statistics_are_right(model: Counting) -> None:
    store()
    store(["Alone"], "Alone is alone. Alone alone.")
    indexing.index()
    counts = Counter(stem for terms in Source.objects.values_list("terms", flat=True) for stem in set(terms))
    assert dict(Term.objects.values_list("stem", "sources")) == dict(counts)
    assert (counts["recip"], counts["alon"]) == (4, 1)
    lengths = [len(terms) for terms in Source.objects.values_list("terms", flat=True)]
    assert CorpusState.objects.get().mean_length == pytest.approx(sum(lengths) / len(lengths))


def test_statistics_forget_what_is_gone(model: Counting) -> None:
    store()
    indexing.index()
    store(["Mealie"], "{} forgets everything.")
    Source.objects.filter(key="Grocy").delete()
    indexing.index()
    assert Term.objects.get(stem="recip").sources == 2
    assert not Term.objects.filter(stem="groci").exists()
    assert CorpusState.objects.get().sources == 3


def test_change_of_the_model_embeds_everything_anew(model: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    store()
    indexing.index()
    monkeypatch.setattr(spaces, "minilm", lambda: None)
    assert not indexing.is_complete()
    assert indexing.index() == 4
    fitted = CorpusState.objects.get().space_id
    assert fitted is not None
    assert fitted.startswith("lsa-")
    assert_complete(fitted)
    monkeypatch.setattr(spaces, "minilm", lambda: model)
    model.batches.clear()
    assert not indexing.is_complete()
    assert indexing.index() == 4
    assert len(model.seen) == 12
    assert_complete(spaces.MINILM)


def test_fitted_space_follows_its_corpus() -> None:
    store()
    assert indexing.index() == 4
    first = CorpusState.objects.get().space_id
    assert indexing.index() == 0
    store(["Bring"], "{} shares shopping lists.")
    assert indexing.index() == 5
    second = CorpusState.objects.get().space_id
    assert first != second
    assert second is not None
    assert_complete(second)


def test_catalogue_is_the_background_of_a_small_corpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """Words that the corpus itself never brings together are known to be related."""
    monkeypatch.undo()
    store(["Mealie"], "{} keeps recipes.")
    store(["Vault"], "{} keeps passwords.")
    content = [indexing.lead(name, text) for name, text in Source.objects.values_list("name", "text")]
    background = indexing.leads_of_background(content)
    assert len(background) > 400
    assert not set(background) & set(content)
    _, embed = spaces.fit(content + background)
    mealie, vault, query = embed([*content[:2], "cooking dinner from a meal plan"])
    cosines = {text: float(query @ vector) for text, vector in zip(content, (mealie, vault), strict=True)}
    assert max(cosines, key=lambda text: cosines[text]).startswith("Mealie")


def test_empty_corpus() -> None:
    assert indexing.index() == 0
    assert not indexing.is_complete()


@pytest.mark.parametrize("space", ["minilm", "corpus"])
def test_words_too_long_for_an_index_do_no_harm(
    space: str, monkeypatch: pytest.MonkeyPatch, model: Counting
) -> None:
    """A blob of random letters, and a script that puts no blanks between words."""
    if space == "corpus":
        monkeypatch.setattr(spaces, "minilm", lambda: None)
    letters = np.random.default_rng(1).integers(97, 123, 9000)
    store(["Blob"], "{} keeps " + "".join(map(chr, letters)) + " recipes.")
    han = np.random.default_rng(2).integers(0x4E00, 0x9000, 4000)
    store(["Han"], "".join(map(chr, han)))
    assert indexing.index() == 2
    assert max(len(term) for terms in Source.objects.values_list("terms", flat=True) for term in terms) <= 100
    assert "recip" in Source.objects.get(key="Blob").terms


def test_real_model(minilm: None) -> None:
    store()
    assert indexing.index() == 4
    assert_complete(spaces.MINILM)
    vector = Source.objects.get(key="Mealie").vector
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-4)


def test_model_that_is_wanted_but_absent(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> None:
    from manticscore.clients import embeddings

    def absent() -> Any:
        raise embeddings.WeightsUnavailable("not installed")

    monkeypatch.setattr(embeddings, "installed_directory", absent)
    for cached in (spaces.minilm, embeddings.installed):
        cached.cache_clear()
    settings.EMBEDDINGS = "minilm"
    store()
    with pytest.raises(embeddings.WeightsUnavailable, match=r"^not installed$"):
        indexing.index()
    spaces.minilm.cache_clear()
    settings.EMBEDDINGS = "auto"
    assert indexing.index() == 4
    assert str(CorpusState.objects.get().space_id).startswith("lsa-")
    spaces.minilm.cache_clear()
    assert EmbeddingSpace.objects.count() == 1


def test_source_that_changes_while_the_model_works_waits_for_the_next_time(
    model: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    store()
    embed = model.embed

    def changing(content: Sequence[str]) -> Vector:
        Source.objects.filter(key="Grocy").update(text="Grocy is another product now.")
        return embed(content)

    monkeypatch.setattr(model, "embed", changing)
    indexing.index()
    assert not Source.objects.exclude(key="Grocy").exclude(vector_model=spaces.MINILM).exists()
    assert Source.objects.get(key="Grocy").vector_model != spaces.MINILM
    monkeypatch.setattr(model, "embed", embed)
    assert indexing.index() == 1
    assert indexing.is_complete()


def test_sources_are_locked_in_the_order_of_their_ids(
    model: Counting, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    """Whatever was read last comes first otherwise, and meets whoever checks quotes."""
    store(["Bring"])
    indexing.index()
    store()
    for minutes, key in enumerate(Source.objects.order_by("id").values_list("pk", flat=True)):
        Source.objects.filter(pk=key).update(fetched_at=timezone.now() + timedelta(minutes=minutes))
    stale = sorted(key.hex for key in Source.objects.exclude(key="Bring").values_list("pk", flat=True))
    with django_assert_max_num_queries(1000) as captured:
        assert indexing.add(Source.objects.all()) is True
    locking = [query["sql"] for query in captured if "FOR NO KEY UPDATE" in query["sql"]]
    assert [key for sql in locking for key in KEY.findall(sql)] == stale
