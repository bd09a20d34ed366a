"""What research tells of a project in short: on its home screen, its public page, its clips."""

from __future__ import annotations

from typing import Any

from projects.models import Project
from realtime.topics import Channel
from research.models import FeatureResearchJob, ResearchJob
from research.results import artifacts

COMPETITORS = 5
FEATURES = 8
GAPS = 5


def latest(project: Project) -> ResearchJob | None:
    """The newest research of the project that has a result."""
    jobs = ResearchJob.objects.with_result().filter(
        stream__project_id=project.pk, stream__channel=Channel.RESEARCH
    )
    return jobs.order_by("-stream__created_at").first()


def home(project: Project) -> dict[str, Any] | None:
    """The summary of the latest research; None when there is none."""
    job = latest(project)
    if job is None or job.artifact is None:
        return None
    return {
        "job_id": str(job.pk),
        "idea": job.idea,
        "as_of": job.as_of.isoformat(),
        "quality_score": job.quality_score,
        "created_at": job.created_at.isoformat(),
        "summary": [
            {"title": part["title"], "text": " ".join(sentence["text"] for sentence in part["sentences"])}
            for part in job.artifact["summary"]
        ],
        **market(job.artifact),
    }


def public(project: Project) -> dict[str, Any] | None:
    """The market as everybody may see it; None without research."""
    job = latest(project)
    if job is None or job.artifact is None:
        return None
    return {"as_of": job.as_of.isoformat(), "quality_score": job.quality_score, **market(job.artifact)}


def idea(project: Project) -> dict[str, Any] | None:
    """How the idea was understood, in words of the idea itself."""
    job = latest(project)
    if job is None or job.artifact is None:
        return None
    return asked_for(job.artifact["interpretation"])


def asked_for(interpretation: dict[str, Any]) -> dict[str, Any]:
    """For whom the idea is and what it is, each by the first facet that says so."""
    facets = {facet["type"]: facet["text"] for facet in reversed(interpretation["facets"])}
    return {"target_user": facets.get("audience"), "product_type": facets.get("core")}


def market(artifact: dict[str, Any]) -> dict[str, Any]:
    """The first rows of each kind, without their evidence."""
    return {
        "top_competitors": [
            {name: row[name] for name in ("name", "url", "stage", "relevance")}
            for row in artifacts.most_relevant(artifact)[:COMPETITORS]
        ],
        "features": [
            {"name": row["label"], "prevalence": row["prevalence"], "in_idea": row["in_idea"]}
            for row in artifact["features"][:FEATURES]
        ],
        "gaps": [
            {name: row[name] for name in ("label", "status", "opportunity")}
            for row in artifact["gaps"][:GAPS]
        ],
    }


def features(project: Project) -> dict[str, Any] | None:
    """The latest deep research on features, without its evidence; None when there is none."""
    job = FeatureResearchJob.latest_of(project.pk)
    if job is None or job.artifact is None:
        return None
    plan = job.artifact["blueprint"]
    return {
        "job_id": str(job.pk),
        "as_of": job.as_of.isoformat(),
        "created_at": job.created_at.isoformat(),
        "features": [feature_in_short(row) for row in job.artifact["features"]],
        "build_order": [
            {name: step[name] for name in ("position", "phase", "feature_id", "name")}
            for step in plan["build_order"]
        ],
        "mvp": {name: plan["mvp"][name] for name in ("min", "likely", "max", "feature_ids")},
    }


def feature_in_short(row: dict[str, Any]) -> dict[str, Any]:
    return {
        **{name: row[name] for name in ("id", "name", "status", "prevalence")},
        "implementations": len(row["implementations"]),
        "high_risks": sum(risk["level"] == "high" for risk in row["risk_matrix"]),
        "effort": {name: row["effort"][name] for name in ("min", "likely", "max")},
    }
