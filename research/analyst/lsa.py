"""Latent semantic analysis: vectors without model weights, learnt from the texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from research.analyst.lexical import terms as tokenise

DIMENSIONS = 256
# The fit holds texts x terms, and embedding batch x terms; the rarest terms are in few texts anyway.
MAX_TERMS = 8000
BATCH = 512
SEED = 7
OVERSAMPLING = 32
TINY = np.float32(1e-12)
POWER_ITERATIONS = 6

Matrix = NDArray[np.float32]
TermWeights = Mapping[str, float]


class LSA:
    """Projects weighted terms onto the main directions of the fitted texts."""

    def __init__(self, terms: Sequence[str], rarity: Matrix, projection: Matrix) -> None:
        self._columns = {term: column for column, term in enumerate(terms)}
        self._rarity = rarity
        self._projection = projection

    @classmethod
    def fit(cls, texts: Sequence[str], dimensions: int = DIMENSIONS) -> LSA:
        """More texts of the same kind make better vectors, even if never searched."""
        counted = [text_terms(text) for text in texts]
        frequency = Counter(term for terms in counted for term in terms)
        if not frequency:
            raise ValueError("LSA needs at least one text with words in it")
        terms = sorted(sorted(frequency, key=lambda term: (-frequency[term], term))[:MAX_TERMS])
        found_in = np.array([frequency[term] for term in terms], dtype=np.float32)
        rarity = np.log(len(texts) / found_in)
        columns = {term: column for column, term in enumerate(terms)}
        projection = main_directions(tf_idf(counted, columns, rarity), dimensions)
        return cls(terms, rarity, projection)

    @property
    def dimensions(self) -> int:
        return int(self._projection.shape[1])

    def embed(self, texts: Sequence[str]) -> Matrix:
        """One unit vector per text; all zeros if no word is known."""
        batches = [texts[start : start + BATCH] for start in range(0, len(texts), BATCH)]
        rows = [self.embed_terms([text_terms(text) for text in batch]) for batch in batches]
        return np.vstack(rows) if rows else np.zeros((0, self.dimensions), dtype=np.float32)

    def embed_terms(self, weighted: Sequence[TermWeights]) -> Matrix:
        """As `embed`, for terms whose weights are already decided."""
        return normalised(tf_idf(weighted, self._columns, self._rarity) @ self._projection)

    def state(self) -> dict[str, NDArray[np.generic]]:
        """Arrays for `numpy.savez`; no pickling is needed to read them back."""
        return {
            "terms": np.array(list(self._columns)),
            "rarity": self._rarity,
            "projection": self._projection,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, NDArray[np.generic]]) -> LSA:
        return cls(
            [str(term) for term in state["terms"]],
            state["rarity"].astype(np.float32),
            state["projection"].astype(np.float32),
        )


def text_terms(text: str) -> dict[str, float]:
    """Log-damped counts: a second mention says less than the first."""
    return {term: 1 + float(np.log(count)) for term, count in Counter(tokenise(text)).items()}


def tf_idf(texts: Sequence[TermWeights], columns: Mapping[str, int], rarity: Matrix) -> Matrix:
    """Unit rows of term weight times rarity; unknown terms are left out."""
    matrix = np.zeros((len(texts), len(columns)), dtype=np.float32)
    for row, terms in enumerate(texts):
        for term, weight in terms.items():
            if term in columns:
                matrix[row, columns[term]] = weight
    matrix *= rarity
    matrix /= np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), TINY)
    return matrix


def main_directions(matrix: Matrix, dimensions: int) -> Matrix:
    """Right singular vectors by randomised subspace iteration (Halko et al., 2011).

    A full decomposition would take minutes at catalogue size. Seed and signs are
    fixed, so the same texts always give the same vectors.
    """
    dimensions = min(dimensions, *matrix.shape)
    width = min(dimensions + OVERSAMPLING, *matrix.shape)
    sketch = np.random.default_rng(SEED).standard_normal((matrix.shape[1], width))
    basis = sketch.astype(np.float32)
    for _ in range(POWER_ITERATIONS):
        basis = np.linalg.qr(matrix.T @ (matrix @ basis)).Q
    directions = np.linalg.svd(matrix @ basis, full_matrices=False).Vh[:dimensions]
    projection: Matrix = basis @ directions.T
    largest = np.abs(projection).argmax(axis=0)
    projection *= np.sign(projection[largest, np.arange(dimensions)])
    return projection


def normalised(matrix: Matrix) -> Matrix:
    lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
    unit: Matrix = (matrix / np.where(lengths > 0, lengths, 1)).astype(np.float32)
    return unit
