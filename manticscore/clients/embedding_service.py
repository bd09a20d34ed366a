"""An embedding service: any server that answers `POST {url}/embeddings` as OpenAI's API does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from manticscore.clients import jsonapi, lookups

BATCH = 64  # texts in one request
MAX_DIMENSIONS = 16_000  # what a vector of PostgreSQL can hold
SECONDS = 10.0  # for one request
MAX_BYTES = 32 * 1024 * 1024  # BATCH vectors of MAX_DIMENSIONS numbers as text

Vectors = NDArray[np.float32]


class ServiceUnavailable(Exception):
    """The service cannot be reached, refuses, or answers with something that is no embedding.

    `permanent`: it refuses, and the same again would be refused again.
    """

    def __init__(self, message: str, *, permanent: bool = False) -> None:
        self.permanent = permanent
        super().__init__(message)


class EmbeddingService:
    """Turns texts into unit vectors whose dot product is their similarity.

    `url` is the API's base, as `https://api.openai.com/v1`. The id tells the model only: the same model
    behind another address makes the same vectors.
    """

    def __init__(self, url: str, model: str, key: str = "") -> None:
        self._url = f"{url.rstrip('/')}/embeddings"
        self._model = model
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}

    @property
    def model_id(self) -> str:
        return f"service:{self._model}"

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One row per text, in the order given. For threads without an event loop.

        Raises ServiceUnavailable.
        """
        batches = [list(texts[start : start + BATCH]) for start in range(0, len(texts), BATCH)]
        try:
            vectors = np.vstack([lookups.run(self._embed_batch(batch)) for batch in batches])
        except ValueError as error:
            raise ServiceUnavailable("the service changed its vectors' length") from error
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not np.all(lengths > 0):
            raise ServiceUnavailable("the service gave a vector without a direction")
        unit: Vectors = (vectors / lengths).astype(np.float32)
        return unit

    async def _embed_batch(self, texts: list[str]) -> Vectors:
        body = {"model": self._model, "input": texts, "encoding_format": "float"}
        try:
            answer = await jsonapi.ask(
                "POST", self._url, seconds=SECONDS, max_bytes=MAX_BYTES, body=body, headers=self._headers
            )
            return vectors_of(answer, len(texts))
        except jsonapi.ApiError as error:
            raise ServiceUnavailable(f"the service {error}", permanent=error.permanent) from None
        except (ValueError, TypeError, KeyError, OverflowError) as error:
            raise ServiceUnavailable(f"the answer is no embedding ({type(error).__name__})") from None


def vectors_of(answer: Any, expected: int) -> Vectors:
    """The vectors of an answer in the order of the texts. Raises ValueError, TypeError or KeyError."""
    items = sorted(answer["data"], key=lambda item: int(item["index"]))
    if [item["index"] for item in items] != list(range(expected)):
        raise ValueError("not one vector per text")
    vectors = np.array([item["embedding"] for item in items], dtype=np.float64)
    if vectors.ndim != 2 or not 0 < vectors.shape[1] <= MAX_DIMENSIONS or not np.isfinite(vectors).all():
        raise ValueError("not vectors of numbers")
    return vectors.astype(np.float32)
