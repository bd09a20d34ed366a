"""Embedding spaces: the pinned model computes what it should, a fitted one survives its storage."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from django.conf import LazySettings

from manticscore.clients import embeddings
from manticscore.clients.embeddings import MiniLM, WeightsUnavailable
from research.corpus import spaces
from research.models import EmbeddingSpace

QUICK_START = ["The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium."]
TEXTS = [
    "Mealie keeps recipes.",
    "Grocy counts groceries.",
    "Bitwarden keeps passwords.",
    "Recipes and groceries.",
]


@pytest.fixture
def weights(minilm: None) -> Path:
    return embeddings.installed_directory()


def test_published_similarities(minilm: None) -> None:
    vectors = spaces.embedder(spaces.MINILM)(QUICK_START)
    cosines = vectors @ vectors.T
    assert [round(float(cosines[pair]), 4) for pair in ((0, 1), (0, 2), (1, 2))] == [0.6660, 0.1046, 0.1411]


def test_vectors_do_not_depend_on_their_neighbours(minilm: None) -> None:
    """Texts are computed in batches of similar length; padding must not show."""
    embed = spaces.embedder(spaces.MINILM)
    together = embed([*QUICK_START, "word " * 300, ""])
    assert together.shape == (5, 384)
    for row, text in enumerate([*QUICK_START, "word " * 300, ""]):
        assert np.allclose(together[row], embed([text])[0], atol=1e-5)
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    assert embed([]).shape == (0, 384)


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json"])
def test_file_with_another_digest_is_refused(weights: Path, tmp_path: Path, name: str) -> None:
    for file in ("model.safetensors", "tokenizer.json"):
        shutil.copy(weights / file, tmp_path / file)
    with (tmp_path / name).open("r+b") as file:
        file.seek(-1, 2)
        last = file.read(1)
        file.seek(-1, 2)
        file.write(bytes([last[0] ^ 1]))
    with pytest.raises(WeightsUnavailable, match=rf"^{name} is not the expected file$"):
        MiniLM(tmp_path)


def test_missing_file_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(WeightsUnavailable, match=r"^model.safetensors cannot be read$"):
        MiniLM(tmp_path)


def test_package_of_the_weights_is_never_imported(minilm: None) -> None:
    import sys

    spaces.embedder(spaces.MINILM)(["x"])
    assert not [name for name in sys.modules if "minilm" in name.lower()]


def test_corpus_of_an_absent_model_cannot_be_queried(settings: LazySettings) -> None:
    settings.EMBEDDINGS = "corpus"
    spaces.minilm.cache_clear()
    with pytest.raises(WeightsUnavailable, match="the corpus was indexed with MiniLM"):
        spaces.embedder(spaces.MINILM)


def test_space_of_an_empty_corpus() -> None:
    assert spaces.embedder(spaces.NONE)(["a", "b"]).tolist() == np.zeros((2, 384)).tolist()


@pytest.mark.django_db
def test_stored_space_embeds_like_the_fitted_one() -> None:
    space, embed = spaces.fit(TEXTS)
    spaces.fitted.cache_clear()
    stored = spaces.embedder(space.id)
    queries = [*TEXTS, "recipes for passwords", "nothing of that", ""]
    assert np.array_equal(stored(queries), embed(queries))
    assert stored(queries).shape == (7, 384)


@pytest.mark.django_db
def test_same_corpus_is_the_same_space() -> None:
    first, embed = spaces.fit(TEXTS)
    again, embed_again = spaces.fit(list(TEXTS))
    assert first.id == again.id
    assert np.array_equal(embed(TEXTS), embed_again(TEXTS))
    assert spaces.fit(TEXTS[:-1])[0].id != first.id
    assert spaces.fit(TEXTS[::-1])[0].id != first.id
    assert EmbeddingSpace.objects.count() == 3


@pytest.mark.django_db
def test_fitted_space_brings_related_texts_together() -> None:
    _, embed = spaces.fit(TEXTS)
    recipes, groceries, passwords, both = embed(TEXTS)
    assert both @ recipes > both @ passwords
    assert both @ groceries > both @ passwords


def test_padding_changes_no_cosine() -> None:
    narrow = np.random.default_rng(1).standard_normal((3, 20)).astype(np.float32)
    assert np.allclose(spaces.padded(narrow) @ spaces.padded(narrow).T, narrow @ narrow.T)
