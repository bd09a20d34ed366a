from __future__ import annotations

from typing import Any

from manticscore.pipeline import Output, Report
from research.analyst import judging
from research.analyst.judging import Judgement
from research.corpus import spaces
from research.pipeline.context import MarketContext


class Judge:
    """How much each source counts: relevance, authority, freshness, independence. Never blocks a run."""

    name = "judge"
    blocking = False
    reserved = False

    def run(self, context: MarketContext, report: Report) -> Output:
        judgements = judging.judge(
            context.understood,
            context.scores,
            context.documents(),
            context.embed(context.understood.queries[:1])[0],
            context.facet_vectors(),
            as_of=context.as_of,
            core_cosine=judging.CORE_COSINE if context.corpus.space == spaces.MINILM else None,
        )
        kept = sum(judgement.kept for judgement in judgements)
        loose = sum(judgement.fit == "loose" for judgement in judgements)
        report(
            f"{kept - loose} of {len(judgements)} sources are relevant" + (f", {loose} loosely" * bool(loose))
        )
        return Output([judgement.model_dump(mode="json") for judgement in judgements], {"kept": kept})

    def resume(self, context: MarketContext, output: Any) -> None:
        context.judgements = [Judgement.model_validate(item) for item in output]
