"""Fitting a space on a small corpus alone.

The fit takes the whole shipped catalogue as its background, a second each time; what a test is about is
seldom that.
"""

from __future__ import annotations

import pytest

from research.corpus import indexing


@pytest.fixture
def without_background(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexing, "leads_of_background", lambda content: [])
