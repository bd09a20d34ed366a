"""Which model makes the vectors of ideas: the configured service, the installed weights, or word stems."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol

from django.conf import settings

from manticscore.clients import embeddings
from manticscore.clients.embedding_service import EmbeddingService, Vectors
from manticscore.lib.stemvectors import StemVectors

__all__ = ["Model", "Vectors", "current"]


class Model(Protocol):
    """Makes unit vectors. Only those with one `model_id` can be compared."""

    @property
    def model_id(self) -> str: ...

    def embed(self, texts: Sequence[str]) -> Vectors: ...


def current() -> Model:
    """The model of this installation."""
    if settings.EMBEDDINGS_URL:
        return service(settings.EMBEDDINGS_URL, settings.EMBEDDINGS_MODEL, settings.EMBEDDINGS_KEY)
    return local(settings.EMBEDDINGS)


@lru_cache(maxsize=2)
def service(url: str, model: str, key: str) -> EmbeddingService:
    return EmbeddingService(url, model, key)


@lru_cache(maxsize=2)
def local(wanted: str) -> Model:
    """MiniLM where its weights are installed and wanted. Raises WeightsUnavailable when it is required."""
    if wanted == "corpus":
        return StemVectors()
    try:
        return embeddings.installed()
    except embeddings.WeightsUnavailable:
        if wanted == "minilm":
            raise
        return StemVectors()
