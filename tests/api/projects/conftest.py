"""The models of vectors that searches may use."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.conf import LazySettings

from projects import embedding
from tests.helpers.embedding_server import EmbeddingServer, embedding_server


@pytest.fixture
def service(settings: LazySettings) -> Iterator[EmbeddingServer]:
    """An embedding service, configured."""
    with embedding_server() as server:
        settings.EMBEDDINGS_URL, settings.EMBEDDINGS_MODEL = server.url, "words-1"
        yield server
    embedding.service.cache_clear()
