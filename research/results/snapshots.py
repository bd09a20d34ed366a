"""A finished piece of research as others are shown it: on a clip, and in its report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from manticscore.lib import ideas
from projects.clips import Snapshot
from research.models import ResearchJob
from research.results import artifacts, summaries
from research.results.artifacts import Row

Block = dict[str, Any]

ROWS = 8  # of a kind
DESCRIPTION = 200


def snapshot(job: ResearchJob) -> Snapshot:
    artifact = job.artifact or {}
    title = ideas.clean_title(job.idea) or "Research"
    summary = paragraphs(artifact)
    description = ideas.shortened(summary[0]["text"] if summary else title, DESCRIPTION)
    hero = {"blockType": "hero", "heading": title, "subheading": description}
    lists: list[Block | None] = [listed("Competitors", artifacts.most_relevant(artifact), competitor)]
    lists += [listed("Features", artifact.get("features", []), labelled)]
    lists += [listed("Gaps", artifact.get("gaps", []), gap)]
    blocks: list[Block] = [hero, {"blockType": "stats", "items": stats(job)}, *summary]
    blocks += [part for part in lists if part]
    research = {"as_of": job.as_of.isoformat(), "quality_score": job.quality_score}
    return Snapshot(title, description, blocks, {**research, **summaries.market(artifact)})


def stats(job: ResearchJob) -> list[Block]:
    artifact = job.artifact or {}
    counts = {
        "Quality of 100": round(job.quality_score or 0),
        "Competitors": len(artifacts.players(artifact)),
        "Features": len(artifact.get("features", [])),
        "Gaps": len(artifact.get("gaps", [])),
    }
    return [{"value": str(value), "label": label} for label, value in counts.items()]


def paragraphs(artifact: Row) -> list[Block]:
    return [
        {
            "blockType": "text",
            "heading": part["title"],
            "text": " ".join(sentence["text"] for sentence in part["sentences"]),
        }
        for part in artifact.get("summary", [])
        if part["sentences"]
    ]


def listed(heading: str, rows: Sequence[Row], item: Any) -> Block | None:
    if not rows:
        return None
    shown = [item(row) | {"quote": first_quote(row)} for row in rows[:ROWS]]
    return {"blockType": "list", "heading": heading, "items": shown}


def competitor(row: Row) -> Block:
    return {"title": row["name"], "text": row["stage"], "url": web_address(row["url"])}


def labelled(row: Row) -> Block:
    return {"title": row["label"], "text": "", "url": None}


def gap(row: Row) -> Block:
    return {"title": row["label"], "text": row["status"], "url": None}


def first_quote(row: Row) -> str | None:
    return row["evidence"][0]["text"] if row.get("evidence") else None


def web_address(url: str) -> str | None:
    """An address that is safe to follow; imported sources may name anything."""
    try:
        return url if urlsplit(url).scheme in ("http", "https") else None
    except ValueError:
        return None
