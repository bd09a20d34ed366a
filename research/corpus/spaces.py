"""Embedding spaces: which model makes the corpus's vectors, and how to embed a query in it.

MiniLM where its weights are installed; otherwise latent semantic analysis fitted on the corpus itself.
Vectors of two spaces are never compared: every vector is stored with the id of its space.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
from django.conf import settings

from manticscore.clients.embeddings import MiniLM, WeightsUnavailable, installed
from research.analyst.documents import Embed, Vector
from research.analyst.lsa import LSA
from research.models import EmbeddingSpace
from research.models.source import DIMENSIONS

NONE = "none"
MINILM = MiniLM.model_id


@lru_cache(maxsize=1)
def minilm() -> MiniLM | None:
    """The model, loaded on first use; None when its weights are absent or not wanted."""
    if settings.EMBEDDINGS == "corpus":
        return None
    try:
        return installed()
    except WeightsUnavailable:
        if settings.EMBEDDINGS == "minilm":
            raise
        return None


def embedder(space: str) -> Embed:
    """How to embed texts in a space. Raises WeightsUnavailable when its model is not here."""
    if space == MINILM:
        model = minilm()
        if model is None:
            raise WeightsUnavailable("the corpus was indexed with MiniLM, whose weights are not installed")
        return model.embed
    if space == NONE:
        return nothing
    lsa = fitted(space)
    return lambda texts: padded(lsa.embed(texts))


def embed_terms(space: str, terms: Mapping[str, float]) -> Vector | None:
    """The vector of weighted terms; None in a space whose model reads sentences, not terms."""
    if space in (MINILM, NONE):
        return None
    one: Vector = padded(fitted(space).embed_terms([terms]))[0]
    return one


@lru_cache(maxsize=2)
def fitted(space: str) -> LSA:
    """The model of a space fitted on the corpus, from its stored state."""
    state = bytes(EmbeddingSpace.objects.get(pk=space).state or b"")
    return LSA.from_state(dict(np.load(io.BytesIO(state), allow_pickle=False)))


def fit(texts: Sequence[str]) -> tuple[EmbeddingSpace, Embed]:
    """Fit a space on the corpus. Its id follows from the texts, so the same corpus gives the same space."""
    model = LSA.fit(texts)
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **model.state())
    digest = hashlib.sha256("\x1f".join(texts).encode()).hexdigest()[:16]
    space, _ = EmbeddingSpace.objects.get_or_create(id=f"lsa-{digest}", defaults={"state": buffer.getvalue()})
    return space, lambda texts: padded(model.embed(texts))


def padded(vectors: Vector) -> Vector:
    """Zeros on the right change no cosine, and let all spaces share one column type."""
    wide = np.zeros((len(vectors), DIMENSIONS), dtype=np.float32)
    wide[:, : vectors.shape[1]] = vectors
    return wide


def nothing(texts: Sequence[str]) -> Vector:
    """The embedder of an empty corpus."""
    return np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
