import numpy as np

from research.analyst.clusters import agglomerate


def test_agglomeration_joins_what_is_near_on_average() -> None:
    angles = np.radians([0, 10, 90, 100, 45])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    assert agglomerate(vectors, 0.05) == [[0, 1], [2, 3], [4]]
    assert agglomerate(vectors, 0.0) == [[0], [1], [2], [3], [4]]
    assert agglomerate(vectors, 2.0) == [[0, 1, 2, 3, 4]]
    assert agglomerate(vectors[:0], 0.5) == []
