"""An embedding service on loopback that speaks OpenAI's protocol, with vectors made of words."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

from tests.helpers import json_server
from tests.helpers.json_server import JsonServer, running

Answer = tuple[int, bytes]
DIMENSIONS = 48


def vector(text: str) -> list[float]:
    """Texts are near that share words; the length is not 1, as with some models."""
    places = [0.01] * DIMENSIONS
    for word in text.lower().replace(".", " ").split():
        places[hashlib.sha256(word.encode()).digest()[0] % DIMENSIONS] += 3.0
    return places


def embeddings(body: dict[str, Any]) -> Answer:
    """What a service in order says. Its order is not the texts': the index tells."""
    data = [{"index": n, "embedding": vector(text)} for n, text in enumerate(body["input"])]
    return 200, json.dumps({"object": "list", "data": data[::-1], "model": body["model"]}).encode()


class EmbeddingServer(JsonServer):
    """Remembers what it was told; `script` decides what it says."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[dict[str, Any]] = []
        self.authorization: list[str | None] = []
        self.script: Callable[[dict[str, Any]], Answer] = embeddings
        self.url += "/v1"

    def work(self, method: str, target: str, headers: Mapping[str, str], body: Any) -> json_server.Answer:
        self.told.append({"path": target, **body})
        self.authorization.append(headers.get("Authorization"))
        return (*self.script(body), {})


def embedding_server() -> AbstractContextManager[EmbeddingServer]:
    return running(EmbeddingServer())
