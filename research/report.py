"""A piece of research as a PDF, set by typst."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typst
from django.template.loader import get_template

from research import lastresort, snapshots
from research.models import ResearchJob
from research.snapshots import Row

TEMPLATE = "research/report.typ"
QUOTES = 2  # of a row


def pdf(job: ResearchJob) -> bytes:
    """Everything in it is handed over as data: no text of an idea or a source is read as markup."""
    data = json.dumps({**content(job), "last_resort": lastresort.FAMILY}, ensure_ascii=False)
    with tempfile.TemporaryDirectory() as directory:
        fonts = Path(directory)
        lastresort.write(fonts / "boxes.ttf", lastresort.letters_beyond_latin(data))
        made: bytes = typst.compile(template(), sys_inputs={"data": data}, font_paths=[fonts])
    return made


def template() -> Path:
    found: Any = get_template(TEMPLATE)
    return Path(found.origin.name)


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
            table("Competitors", snapshots.players(artifact), "name", "stage"),
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
