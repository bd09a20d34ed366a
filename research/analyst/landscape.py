"""From judged documents to the landscape, in two steps: analyze finds the rows, synthesize tells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from research.analyst import changes, features, narrative, phrases, quotes
from research.analyst import gaps as white_space
from research.analyst import players as market
from research.analyst.documents import Document, Embed, Vector
from research.analyst.judging import Judgement
from research.analyst.text import stems
from research.schemas import (
    Competitor,
    Feature,
    Gap,
    Interpretation,
    Landscape,
    Provenance,
    Quality,
    Shape,
    Signal,
)

# A guess below this probability is noise, and its words may well be features.
LIKELY_CATEGORY = 0.2


class Analysis(Shape):
    """The rows of a landscape, before anything is said about them."""

    competitors: list[Competitor]
    features: list[Feature]
    gaps: list[Gap]
    signals: list[Signal]


def vocabulary(judged: Sequence[tuple[Document, Judgement]]) -> list[str]:
    """The stems whose document frequencies `analyze` needs, sorted."""
    return sorted({stem for document, _ in judged for stem in stems(document.text)})


def analyze(
    interpretation: Interpretation,
    judged: Sequence[tuple[Document, Judgement]],
    *,
    facet_vectors: Vector,
    embed: Embed,
    as_of: date,
    corpus_size: int,
    document_frequency: Mapping[str, int],
) -> Analysis:
    """Who plays, what they claim, what is missing and what changes.

    `facet_vectors` has one unit row per facet of the interpretation. `document_frequency` says in
    how many of the corpus's documents each stem of `vocabulary(judged)` occurs.
    """
    merged = market.merge([item for item in judged if item[1].kept])
    entities = market.scoped(merged, interpretation.categories)
    found = market.players(entities, interpretation.facets, facet_vectors, as_of)
    gone = {entity.id for entity, _ in found.fading}
    playing = [entity for entity in entities if entity.id not in gone]
    rows = features.mine(
        playing,
        interpretation.facets,
        facet_vectors,
        embed,
        phrases.Background(corpus_size, document_frequency),
        [guess.slug for guess in interpretation.categories if guess.probability >= LIKELY_CATEGORY],
    )
    listed = [row.id for row in found.competitors]
    return Analysis(
        competitors=found.competitors,
        features=features.listed(rows, found.competitors),
        gaps=white_space.gaps(rows, playing, found.competitors),
        signals=changes.signals(playing, found.fading, listed, interpretation.facets, facet_vectors, as_of),
    )


def synthesize(
    idea: str,
    interpretation: Interpretation,
    analysis: Analysis,
    *,
    quality: Quality,
    as_of: date,
    embedding_model: str,
    corpus_size: int,
    sources_considered: int,
    degraded_stages: Sequence[str] = (),
    dropped_rows: int = 0,
) -> Landscape:
    """The artifact: the analysis by stage, its summary and the case against the idea."""
    stages = {
        stage: [row for row in analysis.competitors if row.stage == stage]
        for stage in ("incumbent", "emerging", "established niche")
    }
    landscape = Landscape(
        idea=idea,
        as_of=as_of,
        interpretation=interpretation,
        incumbents=stages["incumbent"],
        emerging=stages["emerging"],
        established=stages["established niche"],
        features=analysis.features,
        gaps=analysis.gaps,
        signals=analysis.signals,
        summary=narrative.summary(analysis.competitors, analysis.features, analysis.gaps, analysis.signals),
        argument_against=narrative.against(
            interpretation, analysis.competitors, analysis.features, analysis.gaps
        ),
        quality=quality,
        provenance=Provenance(
            analyst="extractive",
            embedding_model=embedding_model,
            corpus_size=corpus_size,
            sources_considered=sources_considered,
            evidence_count=0,
            degraded_stages=list(degraded_stages),
            dropped_rows=dropped_rows,
        ),
    )
    count = len({quote.evidence_id for quote in quotes.all_quotes(landscape)})
    provenance = landscape.provenance.model_copy(update={"evidence_count": count})
    return landscape.model_copy(update={"provenance": provenance})
