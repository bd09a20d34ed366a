"""Shapes of a plan: what it is made from, and what a node says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Risk = Literal["green", "yellow", "red"]
Level = Literal["low", "medium", "high"]
Effort = Literal["small", "medium", "large", "very_large"]

MAX_LINE = 4_000  # characters; a complaint or caution of research fits in
MAX_LINES = 100
MAX_PROMPT = 100_000
RISKS: tuple[Risk, ...] = ("green", "yellow", "red")
EFFORTS: tuple[Effort, ...] = ("small", "medium", "large", "very_large")
LISTS = ("constraints", "acceptance_criteria", "test_checklist")  # of a spec


class Shape(BaseModel):
    """Closed and immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Statement(Shape):
    """Words of a source about a feature, as the research's evidence holds them."""

    evidence_id: str
    source: str
    text: str
    research_id: str


class Feature(Shape):
    """A chosen feature with what research found out about it."""

    id: str
    label: str
    source: str = ""
    statements: list[Statement] = Field(default_factory=list)
    complaints: list[Statement] = Field(default_factory=list)
    cautions: list[str] = Field(default_factory=list)
    needs: list[str] = Field(default_factory=list)


class Material(Shape):
    """Everything a plan is made from; the same material always gives the same plan."""

    idea: str
    audience: str = "users"
    features: list[Feature]

    def feature(self, feature_id: str) -> Feature:
        return next(feature for feature in self.features if feature.id == feature_id)


class Reason(Shape):
    """Why a node was judged as it was."""

    about: Literal["risk", "effort", "confidence"]
    text: str


class Assessment(Shape):
    """What the rules say of a node."""

    risk: Risk
    effort: Effort
    confidence: Level
    unknowns: list[str]
    reasons: list[Reason]


Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_LINE)]
Lines = Annotated[list[Line], Field(max_length=MAX_LINES)]


class Spec(Shape):
    """What is to be built; `emitted_prompt` says all of it to whoever writes the code."""

    objective: Line
    constraints: Lines
    acceptance_criteria: Lines
    test_checklist: Lines
    emitted_prompt: Annotated[str, StringConstraints(max_length=MAX_PROMPT)] = ""


@dataclass(frozen=True, slots=True)
class Briefing:
    """Where a node stands: names from the feature down to it, of what it needs, and of what is beside it."""

    idea: str
    path: tuple[str, ...]
    needs: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Draft:
    """A node before it is stored. `part` is its place in the archetype: "" for the feature itself.

    `notes` is what a language model added to it.
    """

    key: str
    parent_key: str | None
    depth: int
    sort_order: int
    name: str
    description: str
    node_status: Literal["collapsed", "expanded", "leaf"]
    feature_id: str
    archetype: str
    part: str
    assessment: Assessment
    spec: Spec
    briefing: Briefing
    needs: tuple[str, ...] = ()
    evidence_ids: tuple[str, ...] = ()
    notes: dict[str, Any] | None = None
