"""The client of an embedding service, against a real server."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pytest

from manticscore.clients import embedding_service
from manticscore.clients.embedding_service import BATCH, EmbeddingService, ServiceUnavailable
from tests.helpers.embedding_server import DIMENSIONS, EmbeddingServer, embedding_server, embeddings, vector


@pytest.fixture
def server() -> Iterator[EmbeddingServer]:
    with embedding_server() as server:
        yield server


@pytest.fixture
def service(server: EmbeddingServer) -> EmbeddingService:
    return EmbeddingService(f"{server.url}/", "words-1", "sk-secret")


def test_vectors_in_the_order_of_the_texts(server: EmbeddingServer, service: EmbeddingService) -> None:
    texts = ["a recipe box", "a dog walker", "a tool shed"]
    found = service.embed(texts)
    assert found.shape == (3, DIMENSIONS)
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)
    for row, text in zip(found, texts, strict=True):
        assert np.allclose(row, np.array(vector(text)) / np.linalg.norm(vector(text)), atol=1e-6)


def test_what_is_sent(server: EmbeddingServer, service: EmbeddingService) -> None:
    service.embed(["a box"])
    asked = {"path": "/v1/embeddings", "model": "words-1", "input": ["a box"], "encoding_format": "float"}
    assert server.told == [asked]
    assert server.authorization == ["Bearer sk-secret"]
    assert service.model_id == "service:words-1"


def test_no_key_no_header(server: EmbeddingServer) -> None:
    service = EmbeddingService(server.url, "words-1")
    service.embed(["a box"])
    assert server.authorization == [None]


def test_many_texts_go_in_batches(server: EmbeddingServer, service: EmbeddingService) -> None:
    texts = [f"text {number}" for number in range(2 * BATCH + 1)]
    assert len(service.embed(texts)) == len(texts)
    assert [len(asked["input"]) for asked in server.told] == [BATCH, BATCH, 1]


def one(**item: object) -> bytes:
    return json.dumps({"data": [{"index": 0, **item}]}).encode()


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, b"{}"),
        (429, b'{"error": "slow down"}'),
        (401, b'{"error": "sk-secret is wrong"}'),
        (302, b""),
        (200, b""),
        (200, b"<html>"),
        (200, b"[]"),
        (200, b'{"data": []}'),
        (200, b'{"data": null}'),
        (200, b'{"data": [{}]}'),
        (200, one(embedding=[])),
        (200, one(embedding=["x"])),
        (200, one(embedding=None)),
        (200, one(embedding=[[1.0]])),
        (200, one(embedding=[0.0, 0.0])),
        (200, b'{"data": [{"index": 0, "embedding": [NaN, 1]}]}'),
        (200, b'{"data": [{"index": 1, "embedding": [1, 0]}]}'),
        (200, json.dumps({"data": [{"index": 0, "embedding": [1]}] * 2}).encode()),
    ],
)
def test_answers_that_are_no_embedding(
    server: EmbeddingServer, service: EmbeddingService, status: int, body: bytes
) -> None:
    server.script = lambda asked: (status, body)
    with pytest.raises(ServiceUnavailable) as caught:
        service.embed(["a box"])
    assert "sk-secret" not in str(caught.value)


def test_rows_of_different_lengths(server: EmbeddingServer, service: EmbeddingService) -> None:
    rows = [{"index": 0, "embedding": [1, 0]}, {"index": 1, "embedding": [1, 0, 0]}]
    server.script = lambda asked: (200, json.dumps({"data": rows}).encode())
    with pytest.raises(ServiceUnavailable):
        service.embed(["a", "b"])


def test_service_that_is_not_there() -> None:
    with embedding_server() as gone:
        url = gone.url
    service = EmbeddingService(url, "words-1")
    with pytest.raises(ServiceUnavailable, match="ConnectError"):
        service.embed(["a box"])


@pytest.mark.parametrize("url", ["", "embeddings.example", "ftp://127.0.0.1/v1", "http://[::", "http://"])
def test_address_that_is_none(url: str) -> None:
    service = EmbeddingService(url, "words-1")
    with pytest.raises(ServiceUnavailable):
        service.embed(["a box"])


def test_service_that_comes_back(server: EmbeddingServer, service: EmbeddingService) -> None:
    server.script = lambda asked: (503, b"")
    with pytest.raises(ServiceUnavailable, match="503"):
        service.embed(["a box"])
    server.script = embeddings
    assert len(service.embed(["a box"])) == 1


def test_huge_answer_is_not_read_to_its_end(
    server: EmbeddingServer, service: EmbeddingService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedding_service, "MAX_BYTES", 100)
    with pytest.raises(ServiceUnavailable, match="too large"):
        service.embed(["a box"])


def test_proxies_of_the_environment_are_not_used(
    service: EmbeddingService, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert len(service.embed(["a box"])) == 1
