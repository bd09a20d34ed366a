"""A stage whose result a language model refines. Without one, it is the stage itself, byte for byte."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import TypeAdapter

from manticscore import errors
from manticscore.clients.llm.errors import LlmError
from manticscore.pipeline import Output, Report, Stage
from research.analyst.judging import Judgement
from research.analyst.landscape import Analysis
from research.model import analyze, block, interpret, judge, synthesize
from research.model.assistant import Assistant
from research.model.notes import Log, StageNotes
from research.pipeline.context import MarketContext
from research.pipeline.stages.analyze import Analyze
from research.pipeline.stages.interpret import Interpret
from research.pipeline.stages.judge import Judge
from research.pipeline.stages.synthesize import Synthesize
from research.schemas import Landscape, ModelFailure

Refine = Callable[[MarketContext, Assistant], tuple[Any, StageNotes]]


class Refined:
    """The offline analyst's stage first, then the model on its result.

    A model that fails costs nothing but itself: the analyst's result stands, and the notes say why. What is
    stored of a refined stage is the output and the notes, so a run that goes on without a model keeps them.
    """

    def __init__(self, base: Stage[MarketContext], refine: Refine) -> None:
        self.name, self.blocking, self.reserved = base.name, base.blocking, base.reserved
        self._base = base
        self._refine = refine

    def run(self, context: MarketContext, report: Report) -> Output:
        if context.assistant is None:
            return self._base.run(context, report)
        output = self.offline(context, report)
        self._base.resume(context, output.data)
        data, notes = self._refined(context, context.assistant, output.data, report)
        data = self.finished(context, data, notes)
        return Output(
            {"refined": data, "notes": notes.model_dump(mode="json")}, {**output.counts, **self.counts(data)}
        )

    def resume(self, context: MarketContext, output: Any) -> None:
        data, notes = parted(output)
        if notes is not None:
            context.notes[self.name] = notes
        self._base.resume(context, data)

    def offline(self, context: MarketContext, report: Report) -> Output:
        return self._base.run(context, report)

    def finished(self, context: MarketContext, data: Any, notes: StageNotes) -> Any:
        """The output as it is stored, whether or not the model succeeded."""
        return data

    def counts(self, data: Any) -> dict[str, int | float | str]:
        """Numbers of the `completed` event that the model may have changed."""
        return {}

    def _refined(
        self, context: MarketContext, assistant: Assistant, data: Any, report: Report
    ) -> tuple[Any, StageNotes]:
        asked = len(assistant.asked)
        try:
            value, notes = self._refine(context, assistant)
        except LlmError as error:
            report(f"The language model failed: {error.message} The offline analyst's result stands.")
            notes = StageNotes(stage=self.name, failure=failure(self.name, error))
        else:
            report(f"{assistant.model}: {Log(notes.rows, notes.rejected).told()}")
            data = TypeAdapter(Any).dump_python(value, mode="json")
        used = {
            "model": assistant.model,
            "own_key": assistant.meter.own_key,
            "prompts": assistant.asked[asked:],
        }
        return data, notes.model_copy(update=used)


def parted(output: Any) -> tuple[Any, StageNotes | None]:
    """What a stage stored: its base's output, and the notes where a model was asked."""
    if isinstance(output, dict) and output.keys() == {"refined", "notes"}:
        return output["refined"], StageNotes.model_validate(output["notes"])
    return output, None


def failure(stage: str, error: LlmError) -> ModelFailure:
    return ModelFailure(stage=stage, code=error.code, message=error.message, retryable=error.retryable)


class RefinedJudge(Refined):
    """Counts anew what is kept."""

    def counts(self, data: Any) -> dict[str, int | float | str]:
        return {"kept": sum(Judgement.model_validate(item).kept for item in data)}


class RefinedAnalyze(Refined):
    """Where the analyst finds nothing in sources that fit, the model may."""

    def offline(self, context: MarketContext, report: Report) -> Output:
        try:
            return super().offline(context, report)
        except errors.EmptyOutput:
            if not any(judgement.kept for _, judgement in context.judged()):
                raise
            return Output(Analysis(competitors=[], features=[], gaps=[], signals=[]).model_dump(mode="json"))

    def finished(self, context: MarketContext, data: Any, notes: StageNotes) -> Any:
        if not data["competitors"] and not data["features"]:  # neither of the two found anything
            raise errors.EmptyOutput(evidence_count=0)
        return data

    def counts(self, data: Any) -> dict[str, int | float | str]:
        return {"competitors": len(data["competitors"]), "features": len(data["features"])}


class RefinedSynthesize(Refined):
    """Adds the block that tells what the model did in all stages, also when it is not there any more."""

    def run(self, context: MarketContext, report: Report) -> Output:
        earlier = list(context.notes.values())
        if context.assistant is not None or not earlier:
            return super().run(context, report)
        output = self.offline(context, report)
        notes = StageNotes(stage=self.name, model=earlier[-1].model, own_key=earlier[-1].own_key)
        data = self.finished(context, output.data, notes)
        return Output({"refined": data, "notes": notes.model_dump(mode="json")}, output.counts)

    def finished(self, context: MarketContext, data: Any, notes: StageNotes) -> Any:
        told = [*(note for name, note in context.notes.items() if name != self.name), notes]
        landscape = block.with_refinement(Landscape.model_validate(data), told, context.job_id)
        return landscape.model_dump(mode="json")


def interpret_stage() -> Refined:
    return Refined(Interpret(), interpret.refine)


def judge_stage() -> Refined:
    return RefinedJudge(Judge(), judge.refine)


def analyze_stage() -> Refined:
    return RefinedAnalyze(Analyze(), analyze.refine)


def synthesize_stage() -> Refined:
    return RefinedSynthesize(Synthesize(), synthesize.refine)
