"""Stored artifacts of market research, read as the JSON that they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Artifact = Mapping[str, Any]
Row = Mapping[str, Any]

PLAYERS = ("incumbents", "emerging", "established")  # the parts that hold products


def players(artifact: Artifact) -> list[Row]:
    """All products, stage by stage."""
    return [row for part in PLAYERS for row in artifact.get(part) or ()]


def most_relevant(artifact: Artifact) -> list[Row]:
    """All products, the most relevant first."""
    return sorted(players(artifact), key=lambda row: -row["relevance"])
