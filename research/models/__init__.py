"""Re-exports, one noun a file."""

from research.models.evidence import Evidence
from research.models.research import ResearchJob
from research.models.source import CorpusState, EmbeddingSpace, Passage, Source, Term

__all__ = ["CorpusState", "EmbeddingSpace", "Evidence", "Passage", "ResearchJob", "Source", "Term"]
