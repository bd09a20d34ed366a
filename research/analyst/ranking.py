"""Which of the candidate products compete with an idea, best first.

The pool is what the database found: a few hundred products nearest to the idea by
vector or by words. Similarity to one sentence is noisy, so a product's score is
averaged with those of its own nearest neighbours, again and again: products of the
idea's market lift each other, and a chance match among strangers sinks.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# Share of the word score in the first guess. MiniLM needs words only for rare names;
# vectors learnt from the catalogue alone are weak and lean on them.
LEXICAL_WEIGHT = 0.1
LEXICAL_WEIGHT_WITHOUT_MODEL = 0.6
CORE_WEIGHT = 0.5
NEIGHBOURS = 10
SHARPNESS = 8.0
SPREAD = 0.8
STEPS = 10
# Stands for the neighbours a candidate has outside the pool, which score nothing:
# worth one perfect neighbour.
OUTSIDE = 1.0
# Below this, differences are rounding of the BLAS and depend on its threads.
DECIMALS = 6

Array = NDArray[np.floating]


def query_vector(idea: Array, core: Array) -> Array:
    """The idea's vector, drawn towards that of its core phrase."""
    query = idea + CORE_WEIGHT * core
    return query / max(float(np.linalg.norm(query)), 1e-9)


def rank(
    ids: Sequence[str],
    vectors: Array,
    query: Array,
    lexical: Array,
    lexical_weight: float = LEXICAL_WEIGHT,
) -> list[tuple[str, float]]:
    """Candidates with their score between 0 and 1, best first, ties by id.

    `vectors` are the candidates' unit vectors and `lexical` their word scores, both
    in the order of `ids`.
    """
    if not ids:
        return []
    order = sorted(range(len(ids)), key=ids.__getitem__)
    vectors, lexical = vectors[order], lexical[order]
    guess = first_guess(vectors @ query, lexical, lexical_weight)
    scores = spread(guess, neighbour_weights(vectors))
    scores = np.round(scores / scores.max(), DECIMALS)
    best_first = np.argsort(-scores, kind="stable")
    return [(ids[order[row]], float(scores[row])) for row in best_first]


def first_guess(cosine: Array, lexical: Array, lexical_weight: float) -> Array:
    """Vector and word similarity as one positive weight per candidate.

    The exponential keeps the mass on the best few: averages over a large pool would
    otherwise be decided by its many lukewarm members.
    """
    words = lexical / max(float(lexical.max()), 1e-9)
    similarity = (1 - lexical_weight) * cosine + lexical_weight * words
    weights: Array = np.exp(SHARPNESS * (similarity - similarity.max()))
    return weights


def neighbour_weights(vectors: Array) -> Array:
    """Per row, the share each nearest candidate has in that candidate's score.

    An edge counts from both ends, twice if the two chose each other. Dividing by the
    row makes a product that everybody is near to (a "hub") no stronger than others;
    one with only weak neighbours here belongs to another market and is lifted less.
    """
    similarity = np.round(np.maximum(vectors @ vectors.T, 0), DECIMALS)
    np.fill_diagonal(similarity, 0)
    nearest = np.argsort(-similarity, axis=1, kind="stable")[:, :NEIGHBOURS]
    chosen = np.zeros_like(similarity)
    strengths = np.take_along_axis(similarity, nearest, axis=1) ** 2
    np.put_along_axis(chosen, nearest, strengths, axis=1)
    edges = chosen + chosen.T
    weights: Array = edges / (edges.sum(axis=1, keepdims=True) + OUTSIDE)
    return weights


def spread(guess: Array, weights: Array) -> Array:
    """Mix each score with its neighbours' until the values have settled."""
    scores = guess
    for _ in range(STEPS):
        scores = SPREAD * (weights @ scores) + (1 - SPREAD) * guess
    return scores
