from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from manticscore.pipeline import Output, Report
from research.analyst import judging, landscape, quality
from research.analyst.documents import Document
from research.analyst.judging import Judgement
from research.pipeline.context import MarketContext
from research.schemas import Claim, Landscape, Quality


class Synthesize:
    """The artifact: rows by stage of the market, a summary, the case against, the quality score."""

    name = "synthesize"
    blocking = True
    reserved = True

    def run(self, context: MarketContext, report: Report) -> Output:
        assert context.analysis is not None
        scored = score(context)
        artifact = landscape.synthesize(
            context.idea,
            context.understood,
            context.analysis,
            quality=scored,
            as_of=context.as_of,
            embedding_model=context.corpus.space,
            corpus_size=context.corpus.size,
            sources_considered=context.considered,
            degraded_stages=context.degraded_stages,
        )
        report(f"Quality {scored.score:.0f} of 100")
        return Output(artifact.model_dump(mode="json"), {"quality_score": scored.score})

    def resume(self, context: MarketContext, output: Any) -> None:
        context.landscape = Landscape.model_validate(output)


def score(context: MarketContext) -> Quality:
    assert context.analysis is not None
    judged = [(document, judgement) for document, judgement in context.judged() if judgement.kept]
    domains = {document.id: document.domain for document, _ in judged}
    found = context.analysis
    rows = [*found.competitors, *found.features, *found.gaps, *found.signals]
    dates = [document.published_on for document, _ in judged if document.published_on]
    return quality.score(
        rows=[quality.Row(bool(row.evidence), quoted_domains(row, domains)) for row in rows],
        facets=facet_evidence(context, judged),
        sources=[quality.Source(d.domain, j.weight, j.freshness) for d, j in judged],
        understanding=context.understood.understanding,
        degraded_stages=context.degraded_stages,
        fitting=sum(not row.why["adjacent"] for row in found.competitors),
        corpus_age_days=(context.as_of - max(dates)).days if dates else None,
    )


def quoted_domains(row: Claim, domains: dict[str, str]) -> tuple[str, ...]:
    return tuple(domains[quote.source_id] for quote in row.evidence if quote.source_id in domains)


def facet_evidence(
    context: MarketContext, judged: Sequence[tuple[Document, Judgement]]
) -> list[quality.FacetEvidence]:
    """For each facet, how many relevant sources speak of it."""
    return [
        quality.FacetEvidence(
            facet.weight,
            sum(
                len(judgement.facet_cosines) > index and judgement.facet_cosines[index] >= judging.CORE_COSINE
                for _, judgement in judged
            ),
        )
        for index, facet in enumerate(context.understood.facets)
    ]
