"""A piece of research as a PDF."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from manticscore.typesetting import documents
from research.models import ResearchJob
from research.results import artifacts, snapshots
from research.results.artifacts import Row

TEMPLATE = "research/report.typ"
QUOTES = 2  # of a row


def pdf(job: ResearchJob) -> bytes:
    """Raises as `documents.pdf` does."""
    return documents.pdf(TEMPLATE, content(job))


def content(job: ResearchJob) -> dict[str, Any]:
    shown = snapshots.snapshot(job)
    artifact = job.artifact or {}
    return {
        "title": shown.title,
        "idea": job.idea,
        "as_of": job.as_of.isoformat(),
        "stats": snapshots.stats(job),
        "sections": snapshots.paragraphs(artifact),
        "tables": [
            table("Competitors", artifacts.most_relevant(artifact), "name", "stage"),
            table("Features", artifact.get("features", []), "label"),
            table("Gaps", artifact.get("gaps", []), "label", "status"),
            table("Signals", artifact.get("signals", []), "text", "kind"),
        ],
    }


def table(heading: str, rows: Sequence[Row], name: str, note: str = "") -> dict[str, Any]:
    return {
        "heading": heading,
        "rows": [{"name": row[name], "note": row.get(note, ""), "quotes": quotes(row)} for row in rows],
    }


def quotes(row: Row) -> list[dict[str, str]]:
    return [{"text": quote["text"], "source": quote["source_name"]} for quote in row["evidence"][:QUOTES]]
