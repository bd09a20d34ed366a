"""What was read about one feature, before anything is concluded from it."""

from __future__ import annotations

from pydantic import Field

from research.schemas import Shape
from research.schemas_features import EdgeCase, Implementation, OpenSourceOption, Pattern


class Wanted(Shape):
    """A feature as it is looked for: its own name first, then other wordings of the same."""

    id: str
    name: str
    source: str
    wordings: list[str]
    archetypes: list[str]


class Findings(Shape):
    """Rows with quotes. `limits` are edge cases that products or their users tell of.

    `market_products` counts the products of the idea's market that were read, `market_holders` those of
    them that state the feature.
    """

    feature: Wanted
    sources_read: int
    market_products: int
    market_holders: int
    implementations: list[Implementation]
    patterns: list[Pattern]
    limits: list[EdgeCase]
    open_source: list[OpenSourceOption]
    complaints: int = Field(ge=0)

    @property
    def is_evidenced(self) -> bool:
        return bool(self.implementations or self.limits)

    @property
    def prevalence(self) -> float:
        """Share of the market's products that state the feature, 0 to 1."""
        return round(self.market_holders / self.market_products, 4) if self.market_products else 0.0
