"""Two answers to the same question, row by row, each with the words it stands on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from research.results import comparing
from research.results.artifacts import Artifact, Row

# Of a row these are compared. What its evidence says is told beside.
COMPARED = {
    "competitors": ("stage", "relevance", "threat", "pricing"),
    "features": ("score", "prevalence", "in_idea"),
    "gaps": ("status", "opportunity", "confidence"),
    "signals": ("weight", "year"),
}


def diff(before: Artifact, after: Artifact) -> dict[str, Any]:
    """`added`, `dropped` and `changed` rows by part, and the change in quality."""
    parts = {
        "competitors": comparing.by_site(before, after),
        **{
            name: (comparing.by_label(before, name), comparing.by_label(after, name))
            for name in ("features", "gaps")
        },
        "signals": (comparing.by_id(before, "signals"), comparing.by_id(after, "signals")),
    }
    return {
        **{name: rows(old, new, COMPARED[name]) for name, (old, new) in parts.items()},
        "quality": {"before": comparing.score(before), "after": comparing.score(after)},
    }


def rows(old: Mapping[str, Row], new: Mapping[str, Row], fields: tuple[str, ...]) -> dict[str, Any]:
    both = [(old[key], row) for key, row in new.items() if key in old]
    return {
        "added": [told(row) for key, row in new.items() if key not in old],
        "dropped": [told(row) for key, row in old.items() if key not in new],
        "changed": [changed(was, row, fields) for was, row in both if moved(was, row, fields)],
    }


def moved(was: Row, row: Row, fields: tuple[str, ...]) -> list[str]:
    return [name for name in fields if comparing.differs(was.get(name), row.get(name))]


def changed(was: Row, row: Row, fields: tuple[str, ...]) -> dict[str, Any]:
    values = {name: {"before": was.get(name), "after": row.get(name)} for name in moved(was, row, fields)}
    return {**told(row), "quotes_before": quotes(was), "changes": values}


def told(row: Row) -> dict[str, Any]:
    name = row.get("name") or row.get("label") or row.get("text")
    return {"id": row.get("id"), "name": name, "quotes": quotes(row)}


def quotes(row: Row) -> list[dict[str, Any]]:
    kept = ("evidence_id", "text", "source_name", "url")
    return [{name: quote.get(name) for name in kept} for quote in row.get("evidence") or ()]
