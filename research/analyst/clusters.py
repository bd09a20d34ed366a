"""Phrases that mean nearly the same, grouped by their vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from research.analyst.documents import Vector
from research.analyst.phrases import Phrase
from research.analyst.reading import Term, term

MAX_DISTANCE = 0.52
MAX_LABEL_WORDS = 6
# Clusters hold related phrases; only those this close to the label may stand for it.
SAME_AS_LABEL = 0.66


@dataclass(frozen=True, slots=True)
class Cluster:
    """Phrases that mean nearly the same, with their unit vectors row by row."""

    members: tuple[Phrase, ...]
    vectors: Vector

    @property
    def vector(self) -> Vector:
        """Unit mean of the phrases that are close to the label."""
        return mean(self.vectors[self._close()])

    @property
    def terms(self) -> tuple[Term, ...]:
        """The phrases that may stand for the label, the label first."""
        close = [self.members[row] for row in self._close()]
        ranked = sorted(close, key=lambda phrase: (phrase != self.label, -phrase.score, phrase.key))
        return tuple(term(phrase.text) for phrase in ranked)

    def _close(self) -> list[int]:
        label = self.members.index(self.label)
        cosines = np.round(self.vectors @ self.vectors[label], 6)
        # The label itself always; of words that the space does not know its vector is zero.
        return [row for row, cosine in enumerate(cosines) if row == label or cosine >= SAME_AS_LABEL]

    @property
    def entities(self) -> frozenset[str]:
        return frozenset().union(*(phrase.entities for phrase in self.members))

    @property
    def label(self) -> Phrase:
        short = [phrase for phrase in self.members if len(phrase.key) <= MAX_LABEL_WORDS]
        return min(
            short or self.members,
            key=lambda phrase: (-len(phrase.entities), len(phrase.key) == 1, -phrase.lift, phrase.key),
        )


def cluster(found: Sequence[Phrase], vectors: Vector) -> list[Cluster]:
    """Average-link agglomerative clusters, up to a mean cosine distance of MAX_DISTANCE."""
    groups = agglomerate(vectors, MAX_DISTANCE)
    return [Cluster(tuple(found[row] for row in rows), vectors[rows]) for rows in groups]


def agglomerate(vectors: Vector, limit: float) -> list[list[int]]:
    """Rows joined while the mean distance between two groups is at most `limit`.

    Ties join the earlier rows; groups come in order of their first row.
    """
    groups = [[row] for row in range(len(vectors))]
    # Rounded, so that the last bits of a matrix product cannot decide a tie.
    distance = np.round(1.0 - vectors.astype(np.float64) @ vectors.T.astype(np.float64), 6)
    np.fill_diagonal(distance, np.inf)
    sizes = np.ones(len(vectors))
    while len(vectors) > 1:
        a, b = sorted(map(int, np.unravel_index(int(np.argmin(distance)), distance.shape)))
        if not distance[a, b] <= limit:
            break
        merged = (sizes[a] * distance[a] + sizes[b] * distance[b]) / (sizes[a] + sizes[b])
        distance[a], distance[:, a] = merged, merged
        distance[a, a] = distance[b] = distance[:, b] = np.inf
        sizes[a] += sizes[b]
        groups[a] += groups[b]
        groups[b] = []
    return [sorted(group) for group in groups if group]


def mean(vectors: Vector) -> Vector:
    mean: Vector = vectors.mean(axis=0, dtype=np.float32)
    length = np.float32(np.linalg.norm(mean))
    return mean / length if length else mean
