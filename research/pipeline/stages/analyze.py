from __future__ import annotations

from typing import Any

from manticscore import errors
from manticscore.pipeline import Output, Report
from research.analyst import landscape
from research.analyst.landscape import Analysis
from research.pipeline.context import MarketContext

UNREAD = "None of the idea's words occur in the sources, which are in English. Describe it in English."


MIN_UNDERSTANDING = 0.01


def advice(context: MarketContext) -> str:
    return UNREAD if context.understood.understanding < MIN_UNDERSTANDING else ""


class Analyze:
    """Who plays, what they claim, what is missing, what changes."""

    name = "analyze"
    blocking = True
    reserved = False

    def run(self, context: MarketContext, report: Report) -> Output:
        judged = context.judged()
        found = landscape.analyze(
            context.understood,
            judged,
            facet_vectors=context.facet_vectors(),
            embed=context.embed,
            as_of=context.as_of,
            corpus_size=context.corpus.size,
            document_frequency=context.corpus.document_frequency(landscape.vocabulary(judged)),
        )
        if not found.competitors and not found.features:
            raise errors.EmptyOutput(advice(context), evidence_count=0)
        report(f"{len(found.competitors)} products, {len(found.features)} features, {len(found.gaps)} gaps")
        counts = {"competitors": len(found.competitors), "features": len(found.features)}
        return Output(found.model_dump(mode="json"), counts)

    def resume(self, context: MarketContext, output: Any) -> None:
        context.analysis = Analysis.model_validate(output)
