"""What one market research run carries from stage to stage."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Protocol
from uuid import UUID

from research.analyst.documents import Corpus, Document, Embed, Vector
from research.analyst.judging import Judgement, unjudged
from research.analyst.landscape import Analysis
from research.model.assistant import Assistant
from research.model.notes import StageNotes
from research.schemas import Interpretation, Landscape


class Library(Corpus, Protocol):
    """The corpus with the name of the space its vectors are in."""

    space: str


@dataclass(slots=True)
class MarketContext:
    """Input first, then what the stages add, in their order.

    `fenced` guards what a stage writes by itself against an execution that was overtaken. `assistant` is the
    language model that refines, None where there is none; `notes` is what it did, by stage. `live`:
    configured live sources are asked.
    """

    job_id: UUID
    idea: str
    as_of: date
    corpus: Library
    embed: Embed  # of the corpus; it follows when the corpus moves to another space
    fenced: Callable[[], AbstractContextManager[None]] = nullcontext
    assistant: Assistant | None = None
    live: bool = True
    notes: dict[str, StageNotes] = field(default_factory=dict)
    interpretation: Interpretation | None = None
    scores: Mapping[str, float] = field(default_factory=dict)
    considered: int = 0
    judgements: list[Judgement] | None = None
    analysis: Analysis | None = None
    landscape: Landscape | None = None
    result: dict[str, Any] = field(default_factory=dict)
    _documents: dict[str, Document] = field(default_factory=dict)
    _facet_vectors: tuple[str, Vector] | None = None  # with the space they are in

    @property
    def understood(self) -> Interpretation:
        """The interpretation, which every stage after the first may rely on."""
        assert self.interpretation is not None
        return self.interpretation

    def documents(self) -> list[Document]:
        """The documents that search found, best first; read once per execution."""
        if not self._documents:
            self._documents = {document.id: document for document in self.corpus.documents(list(self.scores))}
        return list(self._documents.values())

    def facet_vectors(self) -> Vector:
        """One row per facet; embedded once per execution and space."""
        if self._facet_vectors is None or self._facet_vectors[0] != self.corpus.space:
            texts = [facet.text for facet in self.understood.facets]
            self._facet_vectors = (self.corpus.space, self.embed(texts))
        return self._facet_vectors[1]

    def judged(self) -> list[tuple[Document, Judgement]]:
        """Documents with their judgements; without the judge's, neutral ones."""
        documents = {document.id: document for document in self.documents()}
        judgements = self.judgements
        if judgements is None:
            judgements = unjudged(self.scores, list(documents.values()))
        return [(documents[item.document_id], item) for item in judgements if item.document_id in documents]

    @property
    def degraded_stages(self) -> list[str]:
        return ["judge"] if self.judgements is None else []
