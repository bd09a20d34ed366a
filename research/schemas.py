"""The research artifact: one shape for the offline analyst and for language models.

Every row that makes a claim carries `evidence`: exact quotes with the character offsets at
which they stand in a stored source. A row without a valid quote never reaches an artifact.
"""

from __future__ import annotations

import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

SCHEMA_VERSION = 1


class Shape(BaseModel):
    """Closed and immutable: a field nobody declared is a mistake, not an extension."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Quote(Shape):
    """Words that stand in a source: `source.text[start:end] == text`."""

    evidence_id: str
    source_id: str
    source_name: str
    url: str
    text: str
    start: int = Field(ge=0)
    end: int = Field(gt=0)
    published_on: datetime.date | None = None
    weight: float = Field(ge=0, le=1)
    role: Literal["support", "complaint", "absence", "nearest"] = "support"


class Claim(Shape):
    """Base of every row that needs proof."""

    evidence: list[Quote]


class Facet(Shape):
    """One thing the idea asks for; weights of an idea's facets sum to 1."""

    text: str
    type: Literal["core", "audience", "constraint", "mechanism"]
    weight: float


class CategoryGuess(Shape):
    slug: str
    probability: float


class Interpretation(Shape):
    """How the idea was understood. `understanding` is 1 - H(P(category | idea)) / log C."""

    facets: list[Facet]
    categories: list[CategoryGuess]
    understanding: float
    queries: list[str]


class Competitor(Claim):
    """A product in the market; `why` holds every input of the decision about its stage."""

    id: str
    name: str
    url: str
    domain: str
    category: str | None
    stage: Literal["incumbent", "emerging", "established niche"]
    relevance: float
    scale: float
    momentum: float
    threat: float
    founded: int | None
    pricing: str | None
    why: dict[str, Any]


class Cell(Shape):
    """One product's state for one feature; `unknown` is not `absent`."""

    competitor_id: str
    state: Literal["present", "absent", "unknown"]
    quote: Quote | None = None


class Feature(Claim):
    """A cluster of claimed features, with its row of the feature matrix."""

    id: str
    label: str
    phrases: list[str]
    score: float
    prevalence: float
    in_idea: bool
    cells: list[Cell]


class Signal(Claim):
    """Something that changed or that people complain about."""

    id: str
    kind: Literal[
        "funding",
        "acquisition",
        "launch",
        "deprecation",
        "pricing",
        "outage",
        "shutdown",
        "complaint",
        "fading",
    ]
    competitor_id: str | None
    text: str
    year: int | None
    weight: float


class Page(Shape):
    name: str
    url: str


class Gap(Claim):
    """White space. Below half confidence a gap is only `unverified`: read these pages first."""

    id: str
    label: str
    status: Literal["gap", "unverified"]
    opportunity: float
    demand: float
    supply: float
    confidence: float
    reasons: list[str]
    to_read: list[Page]


class Sentence(Shape):
    """A sentence of the summary with the evidence it stands on."""

    text: str
    evidence_ids: list[str]


class Section(Shape):
    key: Literal["market", "incumbents", "emerging", "features", "gaps", "signals"]
    title: str
    sentences: list[Sentence]


class CounterArgument(Claim):
    """The strongest case against the idea, and what would change it."""

    text: str
    nearest: Page | None
    what_would_change_this: list[str]


class QualityPart(Shape):
    name: Literal[
        "grounding",
        "coverage",
        "independence",
        "freshness",
        "agreement",
        "understanding",
    ]
    value: float
    weight: float


class Quality(Shape):
    """0 to 100, with its parts and the caps that applied."""

    score: float
    parts: list[QualityPart]
    caps: list[str]


class Provenance(Shape):
    """What the artifact was made from and by; `dropped_rows` failed the quote check."""

    analyst: Literal["extractive", "model"]
    embedding_model: str
    corpus_size: int
    sources_considered: int
    evidence_count: int
    degraded_stages: list[str]
    dropped_rows: int


class RowChange(Shape):
    """What the language model did to one row of what the offline analyst had found."""

    kind: Literal["query", "source", "competitor", "feature", "gap", "section", "positioning"]
    row_id: str
    action: Literal["added", "changed", "dropped"]
    label: str
    reason: str = ""


class ModelFailure(Shape):
    """A stage that the language model could not refine; the offline analyst's result stands."""

    stage: str
    code: str
    message: str
    retryable: bool


class PromptUse(Shape):
    """A prompt by name and version, as files under research/prompts/ are called."""

    stage: str
    name: str
    version: int


class ModelSpending(Shape):
    """One call of a language model. Unsettled, its tokens and cost are the most they can have been."""

    stage: str
    model: str
    outcome: str
    tokens_in: int
    tokens_out: int
    cost_micro_usd: int
    duration_ms: int
    settled: bool


class Refinement(Shape):
    """What a language model added to the offline analyst's landscape, changed in it and dropped from it.

    `rejected` counts rows that it proposed and that failed the checks, above all for want of a quote that
    stands in its source. `degraded`: in some stage it failed.
    """

    model: str
    own_key: bool
    degraded: bool
    prompts: list[PromptUse]
    problem: str
    users: list[str]
    positioning: Sentence | None
    added: int
    changed: int
    dropped: int
    rejected: int
    rows: list[RowChange]
    failures: list[ModelFailure]
    calls: list[ModelSpending]
    tokens_in: int
    tokens_out: int
    cost_micro_usd: int


def _absent(value: object) -> bool:
    return value is None


class Landscape(Shape):
    """The full artifact of a market research run."""

    version: int = SCHEMA_VERSION
    mode: Literal["market"] = "market"
    idea: str
    as_of: datetime.date
    interpretation: Interpretation
    incumbents: list[Competitor]
    emerging: list[Competitor]
    established: list[Competitor]
    features: list[Feature]
    gaps: list[Gap]
    signals: list[Signal]
    summary: list[Section]
    argument_against: CounterArgument | None
    quality: Quality
    provenance: Provenance
    # Left out where no model took part, so that such an artifact is the same with and without this field.
    refinement: Refinement | None = Field(default=None, exclude_if=_absent)
