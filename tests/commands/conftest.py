from __future__ import annotations

import pytest

from tests.helpers.fitting import without_background

__all__ = ["without_background"]


@pytest.fixture(autouse=True)
def quick(without_background: None) -> None:
    """Commands that index do it in no time."""
