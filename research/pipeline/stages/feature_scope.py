from __future__ import annotations

from typing import Any

from manticscore import errors
from manticscore.pipeline import Output, Report
from research.analyst.deep import archetypes
from research.analyst.deep.findings import Wanted
from research.analyst.text import words
from research.pipeline.featurecontext import Asked, FeatureContext

MAX_WORDINGS = 8


class Scope:
    """What is looked for: each feature with its wordings and the kinds it is of."""

    name = "scope"
    blocking = True
    reserved = False

    def run(self, context: FeatureContext, report: Report) -> Output:
        if not words(context.idea) or not any(words(asked.name) for asked in context.asked):
            raise errors.EmptyInput()
        wanted = [scoped(asked) for asked in context.asked]
        untold = sum(not feature.archetypes for feature in wanted)
        report(f"{len(wanted)} features" + f", {untold} of a kind that no word tells" * bool(untold))
        return Output([feature.model_dump(mode="json") for feature in wanted], {"features": len(wanted)})

    def resume(self, context: FeatureContext, output: Any) -> None:
        context.wanted = [Wanted.model_validate(item) for item in output]


def scoped(asked: Asked) -> Wanted:
    wordings = [wording for wording in dict.fromkeys(asked.wordings) if wording != asked.name][:MAX_WORDINGS]
    return Wanted(
        id=asked.id,
        name=asked.name,
        source=asked.source,
        wordings=wordings,
        archetypes=archetypes.recognise(asked.name, wordings),
    )
