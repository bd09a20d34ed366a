"""What one feature deep research run carries from stage to stage."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from research.analyst.deep.findings import Findings, Wanted
from research.analyst.documents import Embed
from research.corpus.postgres import PostgresCorpus

Scores = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Asked:
    """A feature as the request names it, with other wordings from the market research it comes from."""

    id: str
    name: str
    source: str
    wordings: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Gathered:
    """Sources by nearness, 0 to 1: to the idea, and by feature to each of them."""

    market: Scores = field(default_factory=dict)
    features: Mapping[str, Scores] = field(default_factory=dict)

    @property
    def nearest(self) -> dict[str, float]:
        """Every source with its best score, in a fixed order."""
        best: dict[str, float] = {}
        for scores in (self.market, *self.features.values()):
            for source_id, score in scores.items():
                best[source_id] = max(score, best.get(source_id, 0.0))
        return dict(sorted(best.items()))


@dataclass(slots=True)
class FeatureContext:
    """Input first, then what the stages add, in their order.

    `fenced` guards what a stage writes by itself against an execution that was overtaken. `live`: configured
    live sources are asked.
    """

    job_id: UUID
    idea: str
    as_of: date
    asked: Sequence[Asked]
    corpus: PostgresCorpus
    embed: Embed
    fenced: Callable[[], AbstractContextManager[None]] = nullcontext
    live: bool = True
    wanted: list[Wanted] = field(default_factory=list)
    gathered: Gathered = field(default_factory=Gathered)
    findings: list[Findings] = field(default_factory=list)
    result: dict[str, Any] = field(default_factory=dict)
