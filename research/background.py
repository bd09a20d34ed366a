"""What the product knows about markets before anything is imported: its own catalogue, as text.

It widens ideas and helps to learn which words belong together, whether or not the catalogue is part of
the corpus that is searched.
"""

from __future__ import annotations

from functools import lru_cache

from research.analyst import lexical
from research.analyst.expansion import Background
from research.corpus import catalogue


@lru_cache(maxsize=1)
def products() -> Background:
    """The catalogue's products by their terms, those of their category among them."""
    return Background(
        [
            lexical.terms(f"{(record.category or '').replace('-', ' ')} {record.text}")
            for record in catalogue.records()
        ]
    )
