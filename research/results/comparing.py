"""What changed between two artifacts of the same question."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from research.results import artifacts
from research.results.artifacts import Artifact, Row

MOVED = 0.1  # in threat or opportunity, from 0 to 1: less is noise


def compare(before: Artifact, after: Artifact) -> dict[str, Any]:
    """Rows that came, went or moved, by part of the artifact, and the change in quality."""
    old, new = by_site(before, after)
    return {
        "competitors": {**came_and_went(old, new, player), "moved": moves(old, new)},
        "features": came_and_went(by_label(before, "features"), by_label(after, "features"), labelled),
        "gaps": {
            **came_and_went(by_label(before, "gaps"), by_label(after, "gaps"), labelled),
            "moved": gap_moves(by_label(before, "gaps"), by_label(after, "gaps")),
        },
        "signals": came_and_went(by_id(before, "signals"), by_id(after, "signals"), signal),
        "quality": {"before": score(before), "after": score(after)},
    }


def by_site(before: Artifact, after: Artifact) -> tuple[dict[str, Row], dict[str, Row]]:
    """Both's products by site, which outlives names; by name too where there is none, or they share one."""
    both = [artifacts.players(artifact) for artifact in (before, after)]
    shared = {site for rows in both for site, count in Counter(map(site_of, rows)).items() if count > 1}

    def key(row: Row) -> str:
        site = site_of(row)
        return site if site and site not in shared else f"{site} {str(row['name']).casefold()}"

    old, new = ({key(row): row for row in rows} for rows in both)
    return old, new


def site_of(row: Row) -> str:
    return row.get("domain") or ""


def by_label(artifact: Artifact, part: str) -> dict[str, Row]:
    return {str(row["label"]).casefold(): row for row in artifact.get(part) or ()}


def by_id(artifact: Artifact, part: str) -> dict[str, Row]:
    return {row["id"]: row for row in artifact.get(part) or ()}


def came_and_went(
    old: Mapping[str, Row], new: Mapping[str, Row], shape: Callable[[Row], dict[str, Any]]
) -> dict[str, list[dict[str, Any]]]:
    return {
        "new": [shape(row) for key, row in new.items() if key not in old],
        "gone": [shape(row) for key, row in old.items() if key not in new],
    }


def moves(old: Mapping[str, Row], new: Mapping[str, Row]) -> list[dict[str, Any]]:
    """Products in another stage, or of another threat."""
    both = [(old[key], row) for key, row in new.items() if key in old]
    return [
        {
            **player(row),
            "stage_before": was.get("stage"),
            "threat_before": was.get("threat"),
        }
        for was, row in both
        if was.get("stage") != row.get("stage") or differs(was.get("threat"), row.get("threat"))
    ]


def gap_moves(old: Mapping[str, Row], new: Mapping[str, Row]) -> list[dict[str, Any]]:
    both = [(old[key], row) for key, row in new.items() if key in old]
    return [
        {**labelled(row), "opportunity": row["opportunity"], "opportunity_before": was["opportunity"]}
        for was, row in both
        if differs(was.get("opportunity"), row.get("opportunity"))
    ]


def differs(before: Any, after: Any) -> bool:
    numbers: Sequence[Any] = (before, after)
    if not all(isinstance(number, int | float) for number in numbers):
        return bool(before != after)
    return abs(float(after) - float(before)) >= MOVED


def player(row: Row) -> dict[str, Any]:
    return {name: row.get(name) for name in ("id", "name", "url", "stage", "threat")}


def labelled(row: Row) -> dict[str, Any]:
    return {"id": row.get("id"), "label": row["label"]}


def signal(row: Row) -> dict[str, Any]:
    return {name: row.get(name) for name in ("id", "kind", "text", "year")}


def score(artifact: Artifact) -> Any:
    return (artifact.get("quality") or {}).get("score")
