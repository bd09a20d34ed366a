"""Tiers and prices as data (api: usage and billing)."""

from __future__ import annotations

from dataclasses import dataclass

FREE = "free"


@dataclass(frozen=True, slots=True)
class Tier:
    """What a month includes."""

    questions: int
    tts_minutes: float
    credits: int


TIERS: dict[str, Tier] = {
    FREE: Tier(50, 5, 20),
    "explorer": Tier(500, 60, 200),
    "plus": Tier(1500, 180, 300),
    "pro": Tier(2500, 300, 400),
    "early_access": Tier(100_000, 10_000, 100_000),
}

# Credits an action costs.
PRICES: dict[str, int] = {
    "research": 3,
    "feature_research": 3,
    "forge": 2,
    "build": 1,
    "chat": 1,
}
