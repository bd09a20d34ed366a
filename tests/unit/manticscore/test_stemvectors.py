"""Vectors made of word stems."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from manticscore.lib.stemvectors import DIMENSIONS, StemVectors

embed = StemVectors().embed


def similarity(one: str, other: str) -> float:
    a, b = embed([one, other])
    return float(a @ b)


def test_shape() -> None:
    assert embed(["a box", "a chest"]).shape == (2, DIMENSIONS)


def test_shared_words_make_texts_near() -> None:
    assert similarity("recipe box", "the recipes, boxed") == pytest.approx(1, abs=1e-6)
    near, far = similarity("a family recipe box", "recipes"), similarity("a family recipe box", "dog walks")
    assert near > 0.5 > 0.3 > abs(far)


def test_order_and_neighbours_change_nothing() -> None:
    alone = embed(["recipe box"])[0]
    assert np.array_equal(alone, embed(["dog", "recipe box"])[1])
    assert np.allclose(alone, embed(["box recipe"])[0])


def test_same_on_every_machine() -> None:
    """Stored vectors are compared with those of later versions."""
    (vector,) = embed(["recipe"])
    places = {int(place): round(float(vector[place]), 3) for place in np.flatnonzero(vector)}
    assert places == {67: -0.5, 111: -0.5, 211: -0.5, 298: 0.5}


@given(st.text(max_size=60))
def test_every_text_has_a_direction(text: str) -> None:
    (vector,) = embed([text])
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)
