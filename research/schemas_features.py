"""The artifact of feature deep research.

Rows that say what products do carry evidence, as in market research. Rows that come from rules, not from
something that was read, say so in `basis` and have none.
"""

from __future__ import annotations

import datetime
from typing import Literal

from pydantic import Field

from research.schemas import Claim, Sentence, Shape

SCHEMA_VERSION = 1

Basis = Literal["evidence", "rule"]
Level = Literal["low", "medium", "high"]
Activity = Literal["active", "slow", "dormant", "archived", "unknown"]


class Implementation(Claim):
    """A product that has the feature. `how` is the part of its sentence that tells, word for word.

    `in_market`: the product is of the category that most of the sources around the idea are of.
    """

    id: str
    product: str
    url: str
    domain: str
    category: str | None
    in_market: bool
    how: str


class Pattern(Claim):
    """A way of doing it that several products share; `share` is theirs of all implementations seen."""

    id: str
    label: str
    products: list[str]
    share: float = Field(ge=0, le=1)


class EdgeCase(Claim):
    """What goes wrong or is easily forgotten.

    From evidence: a product's limit or its users' complaint, quoted. From a rule: what features of this
    archetype meet, whoever builds them.
    """

    id: str
    basis: Basis
    text: str
    reason: str
    product: str | None = None
    archetype: str | None = None


class Risk(Claim):
    """A row of the risk matrix. Likelihood and impact are 1 to 5; `severity` is their product."""

    id: str
    basis: Basis
    text: str
    likelihood: int = Field(ge=1, le=5)
    impact: int = Field(ge=1, le=5)
    severity: int = Field(ge=1, le=25)
    level: Level
    reasons: list[str]


class OpenSourceOption(Claim):
    """Something to build on or to learn from.

    `basis` evidence: the source is a repository with its facts; or a sentence, quoted, says that the product
    is open source, and then licence, stars and activity are mostly unknown.
    """

    id: str
    name: str
    url: str
    source_id: str
    is_repository: bool
    licences: list[str]
    stars: int | None
    last_active_on: datetime.date | None
    activity: Activity


class Days(Shape):
    """Working days of one developer: at least, most likely, at most."""

    min: float = Field(ge=0)
    likely: float = Field(ge=0)
    max: float = Field(ge=0)


class DaysReason(Shape):
    """A part of an estimate and why it is in it; parts may be negative."""

    text: str
    min: float
    likely: float
    max: float


class Effort(Days):
    """An estimate that is the sum of its reasons."""

    reasons: list[DaysReason]


class FeatureStudy(Shape):
    """All that was found about one feature.

    `status` "no evidence": nothing that was read speaks of it; what stands here then comes from rules, or is
    empty, and `note` says so. `archetypes` are the kinds of features it is of, the likeliest first; none when
    no word tells.
    """

    id: str
    name: str
    source: str
    status: Literal["evidenced", "no evidence"]
    note: str
    archetypes: list[str]
    sources_read: int
    prevalence: float = Field(ge=0, le=1)
    implementations: list[Implementation]
    patterns: list[Pattern]
    edge_cases: list[EdgeCase]
    risk_matrix: list[Risk]
    open_source: list[OpenSourceOption]
    effort: Effort


class Dependency(Shape):
    """The feature `on` comes first. Explicit: somebody's words say so. Derived: from the two archetypes."""

    on: str
    basis: Literal["explicit", "derived"]
    reason: str


class SetAside(Shape):
    """A dependency that would have closed a circle."""

    feature_id: str
    on: str
    reason: str


class BuildStep(Shape):
    """A place in the build order. Phase 1 is the MVP."""

    position: int = Field(ge=1)
    phase: Literal[1, 2]
    feature_id: str
    name: str
    depends_on: list[Dependency]
    reason: str


class MvpEstimate(Effort):
    """Days until the features of phase 1 can be used by somebody."""

    feature_ids: list[str]


class Blueprint(Shape):
    """What to build in which order; a feature never comes before what it depends on."""

    build_order: list[BuildStep]
    set_aside: list[SetAside]
    mvp: MvpEstimate


class FeatureProvenance(Shape):
    """What the artifact was made from; `dropped_rows` failed the quote check."""

    analyst: Literal["extractive"] = "extractive"
    embedding_model: str
    corpus_size: int
    sources_considered: int
    evidence_count: int
    dropped_rows: int


class FeatureArtifact(Shape):
    """The full artifact of a feature deep research run, features in the order they were asked for."""

    version: int = SCHEMA_VERSION
    mode: Literal["feature"] = "feature"
    idea: str
    as_of: datetime.date
    features: list[FeatureStudy]
    blueprint: Blueprint
    summary: list[Sentence]
    provenance: FeatureProvenance
