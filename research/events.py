"""Events of this app that no pipeline writes."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from realtime.events import EventData

Origin = Literal["research", "catalogue"]


class Suggestion(BaseModel):
    """Something to begin with, from earlier research or from the sources of the corpus."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    id: str
    name: str
    source: Origin


class SuggestedCompetitor(Suggestion):
    url: str
    domain: str
    category: str | None


class ProjectSeeded(EventData):
    """What is known already about a new project's market (spec: websocket, auto-progression events)."""

    type: ClassVar[str] = "project.seeded"
    project_id: str
    suggested_competitors: list[SuggestedCompetitor]
    suggested_features: list[Suggestion]


class ChainedFeature(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    id: str
    name: str


class FeatureResearchChained(EventData):
    """In the stream of market research of mode `feature`: its features are researched next, or why not."""

    type: ClassVar[str] = "feature_research.chained"
    status: Literal["queued", "skipped"]
    job_id: str | None
    features: list[ChainedFeature]
    message: str
