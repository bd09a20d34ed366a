"""Re-exports, one noun a file."""

from research.models.card import Card
from research.models.evidence import EVIDENCE, Evidence, FeatureEvidence, Quoted, Verdict
from research.models.feature_research import FeatureResearchJob
from research.models.research import Mode, ResearchJob
from research.models.source import CorpusState, EmbeddingSpace, Passage, Source, Term

__all__ = [
    "EVIDENCE",
    "Card",
    "CorpusState",
    "EmbeddingSpace",
    "Evidence",
    "FeatureEvidence",
    "FeatureResearchJob",
    "Mode",
    "Passage",
    "Quoted",
    "ResearchJob",
    "Source",
    "Term",
    "Verdict",
]
