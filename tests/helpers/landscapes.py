"""Artifacts of finished research, with as much in them as a test asks for."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from accounts.models import Principal
from realtime.models import Stream
from research.models import ResearchJob
from tests import factories

PARTS = ("incumbents", "emerging", "established", "features", "gaps", "signals")


def quote(text: str, source: str = "Mealie", **values: Any) -> dict[str, Any]:
    return {
        "evidence_id": f"id of {text}",
        "text": text,
        "source_name": source,
        "url": "https://x.example",
        **values,
    }


def player(name: str, **values: Any) -> dict[str, Any]:
    domain = f"{name.lower()}.example"
    row = {"id": f"id of {name}", "name": name, "domain": domain, "url": f"https://{domain}"}
    told = {"stage": "emerging", "threat": 0.5, "relevance": 0.5, "evidence": [quote(f"{name} plans meals")]}
    return {**row, **told, **values}


def feature(label: str, **values: Any) -> dict[str, Any]:
    row = {"id": f"id of {label}", "label": label, "score": 0.5, "prevalence": 0.5, "in_idea": True}
    return {**row, "evidence": [quote(f"it has {label}")], **values}


def gap(label: str, **values: Any) -> dict[str, Any]:
    row = {"id": f"id of {label}", "label": label, "status": "gap", "opportunity": 0.5, "confidence": 0.9}
    return {**row, "evidence": [quote(f"nobody has {label}")], **values}


def paragraph(title: str, text: str) -> dict[str, Any]:
    return {"key": "market", "title": title, "sentences": [{"text": text, "evidence_ids": []}]}


def landscape(**parts: Any) -> dict[str, Any]:
    score = parts.pop("score", 71.5)
    usual = {
        "idea": "a recipe box",
        "interpretation": {"facets": [], "categories": [{"slug": "recipes", "probability": 0.9}]},
        "summary": [],
        "quality": {"score": score, "parts": [{"name": "grounding", "value": 0.8, "weight": 1.0}]},
        "provenance": {"evidence_count": 3, "dropped_rows": 1},
    }
    return {**usual, **{part: [] for part in PARTS}, **parts}


def finished(owner: Principal, artifact: dict[str, Any] | None = None, **values: Any) -> ResearchJob:
    """A completed job, as a run leaves it."""
    artifact = landscape() if artifact is None else artifact
    values = {"quality_score": artifact["quality"]["score"], "artifact_hash": "ab" * 32, **values}
    job = factories.research_job(owner, artifact=artifact, **values)
    told = {"status": "completed", "stage": "persist", "attempt": 1, "last_seq": 3, "closed_seq": 3}
    Stream.objects.filter(pk=job.pk).update(**told, project_id=job.project_id, updated_at=timezone.now())
    job.stream.refresh_from_db()
    return job
