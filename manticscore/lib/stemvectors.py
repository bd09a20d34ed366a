"""Vectors of texts without any model: every word stem votes for places that its hash chooses.

Two texts are near when they share words. It needs no weights and no corpus, and never changes.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from manticscore.lib.words import folded, stems

DIMENSIONS = 384
PLACES = 4  # per stem; several make a chance meeting of two stems weigh little

Vectors = NDArray[np.float32]


class StemVectors:
    """Unit vectors whose dot product grows with the words that two texts share."""

    model_id = "stems-1"

    def embed(self, texts: Sequence[str]) -> Vectors:
        return np.vstack([vector(text) for text in texts])


def vector(text: str) -> Vectors:
    """A text without a word that carries meaning stands for itself as a whole."""
    summed = np.zeros(DIMENSIONS, dtype=np.float64)
    for stem, count in Counter(stems(text) or [folded(text).strip()]).items():
        summed += np.sqrt(count) * direction(stem)
    unit: Vectors = (summed / np.linalg.norm(summed)).astype(np.float32)
    return unit


def direction(stem: str) -> NDArray[np.float64]:
    """Where a stem points: a few places, each up or down. Distinct places, so it is never zero."""
    digest = hashlib.blake2b(stem.encode(), digest_size=4 * PLACES).digest()
    pointing = np.zeros(DIMENSIONS)
    for index, number in enumerate(np.frombuffer(digest, dtype="<u4").tolist()):
        quarter = DIMENSIONS // PLACES
        pointing[index * quarter + (number >> 1) % quarter] = 1.0 if number & 1 else -1.0
    return pointing
