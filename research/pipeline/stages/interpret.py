from __future__ import annotations

from typing import Any

from manticscore import errors
from manticscore.pipeline import Output, Report
from research.analyst import interpretation
from research.pipeline.context import MarketContext
from research.schemas import Interpretation

ADVICE = {
    "gibberish": "The idea could not be read. Describe a product in plain words.",
    "meta-description": "This describes no product yet. Say what it does and for whom.",
    "too short": "The idea is too short to research. Say what the product does and for whom.",
}


class Interpret:
    """What the idea asks for: facets, likely categories, queries."""

    name = "interpret"
    blocking = True
    reserved = False

    def run(self, context: MarketContext, report: Report) -> Output:
        try:
            found = interpretation.interpret(context.idea, context.embed, context.corpus)
        except interpretation.EmptyIdea:
            raise errors.EmptyInput() from None
        except interpretation.UnresearchableIdea as error:
            raise errors.EmptyOutput(ADVICE.get(error.reason, ""), evidence_count=0) from None
        market = f" in {found.categories[0].slug}" if found.categories else ""
        report(f"Understood as {found.facets[0].text!r}{market}, {found.understanding:.0%} sure")
        return Output(found.model_dump(mode="json"), {"facets": len(found.facets)})

    def resume(self, context: MarketContext, output: Any) -> None:
        context.interpretation = Interpretation.model_validate(output)
