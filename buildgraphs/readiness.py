"""What research says is ready to be built, in which phase.

From feature research it is the blueprint's build order. Market research alone gives first what the idea
itself asks for and where a proved gap is, then what most of the market has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from buildgraphs import wording
from manticscore.lib import ideas

Row = dict[str, Any]

FIRST, SECOND = 1, 2
TOGETHER = " together with "
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
    """Features, then gaps. What can not be built on its own is left out: see `buildable`."""
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
    return buildable([*features, *gaps], artifact["interpretation"]["facets"])


def buildable(found: Sequence[tuple[int, Row]], facets: Sequence[Mapping[str, Any]]) -> list[tuple[int, Row]]:
    """Rows under labels that name a thing to build, each thing once and in its earliest phase.

    Audiences, qualities and refusals are nothing to build, nor is a gap between features that are there
    themselves. The product's own name becomes what the product is about: a recipe box keeps recipes.
    """
    audiences = {ideas.key(facet["text"]) for facet in facets if facet["type"] == "audience"}
    there = {ideas.key(row["label"]) for _, row in found}
    kept: dict[str, tuple[int, Row]] = {}
    for phase, row in found:
        halves = row["label"].split(TOGETHER)
        is_combined = len(halves) > 1 and there >= {ideas.key(half) for half in halves}
        is_audience = ideas.key(row["label"]) in audiences
        if is_combined or is_audience or not wording.is_buildable(row["label"]):
            continue
        label = wording.noun_phrase(wording.contents(row["label"]))
        name = ideas.key(label)
        if name not in kept or phase < kept[name][0]:
            kept[name] = (phase, {**row, "label": label})
    return list(kept.values())


def selected(readiness: Mapping[str, list[Row]], phase: int | None) -> list[Row]:
    """The rows of one phase, or of all."""
    return [
        row for key, rows in readiness.items() if phase is None or key == f"phase_{phase}" for row in rows
    ]
