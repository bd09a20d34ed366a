"""What research says is ready to be built, in which phase.

From feature research it is the blueprint's build order. Market research alone gives first what the idea
itself asks for and where a proved gap is, then what most of the market has.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Row = dict[str, Any]

FIRST, SECOND = 1, 2
USUAL = 0.3  # share of the listed products from which a feature is expected


def build_readiness(
    artifact: Mapping[str, Any] | None, deep: Mapping[str, Any] | None
) -> dict[str, list[Row]]:
    """Rows of id, label and source under `phase_1` and `phase_2`."""
    found = from_blueprint(deep) if deep else []
    if not found and artifact:
        found = from_market(artifact)
    return {f"phase_{phase}": [row for each, row in found if each == phase] for phase in (FIRST, SECOND)}


def from_blueprint(deep: Mapping[str, Any]) -> list[tuple[int, Row]]:
    return [
        (step["phase"], {"id": step["feature_id"], "label": step["name"], "source": "feature_research"})
        for step in deep["blueprint"]["build_order"]
    ]


def from_market(artifact: Mapping[str, Any]) -> list[tuple[int, Row]]:
    features = [
        (FIRST if row["in_idea"] else SECOND, {"id": row["id"], "label": row["label"], "source": "research"})
        for row in artifact["features"]
        if row["in_idea"] or row["prevalence"] >= USUAL
    ]
    gaps = [
        (
            FIRST if row["status"] == "gap" else SECOND,
            {"id": row["id"], "label": row["label"], "source": "gap"},
        )
        for row in artifact["gaps"]
    ]
    return [*features, *gaps]


def selected(readiness: Mapping[str, list[Row]], phase: int | None) -> list[Row]:
    """The rows of one phase, or of all."""
    return [
        row for key, rows in readiness.items() if phase is None or key == f"phase_{phase}" for row in rows
    ]
