"""Re-exports, one noun a file."""

from research.models.card import Card
from research.models.evidence import Evidence, Verdict
from research.models.feature_research import FeatureEvidence, FeatureResearchJob
from research.models.research import Mode, ResearchJob
from research.models.source import CorpusState, EmbeddingSpace, Passage, Source, Term

__all__ = [
    "Card",
    "CorpusState",
    "EmbeddingSpace",
    "Evidence",
    "FeatureEvidence",
    "FeatureResearchJob",
    "Mode",
    "Passage",
    "ResearchJob",
    "Source",
    "Term",
    "Verdict",
]
