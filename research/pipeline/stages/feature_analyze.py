from __future__ import annotations

from typing import Any

from manticscore.pipeline import Output, Report
from research.analyst.deep.findings import Findings
from research.analyst.deep.survey import Survey
from research.analyst.phrases import Background
from research.analyst.text import stems
from research.pipeline.featurecontext import FeatureContext


class Analyze:
    """Reads the sources for each feature: who has it, how, with which limits, and what is open source."""

    name = "analyze"
    blocking = True
    reserved = False

    def run(self, context: FeatureContext, report: Report) -> Output:
        survey = surveyed(context)
        findings = []
        for feature in context.wanted:
            read = {*context.gathered.market, *context.gathered.features.get(feature.id, ())}
            found = survey.study(feature, read, context.embed)
            report(f"{feature.name}: {told(found)}")
            findings.append(found)
        counts = {
            "implementations": sum(len(found.implementations) for found in findings),
            "without_evidence": sum(not found.is_evidenced for found in findings),
        }
        return Output([found.model_dump(mode="json") for found in findings], counts)

    def resume(self, context: FeatureContext, output: Any) -> None:
        context.findings = [Findings.model_validate(item) for item in output]


def surveyed(context: FeatureContext) -> Survey:
    scores = context.gathered.nearest
    documents = context.corpus.documents(list(scores))
    vocabulary = sorted({stem for document in documents for stem in stems(document.text)})
    background = Background(context.corpus.size, context.corpus.document_frequency(vocabulary))
    return Survey(documents, scores, list(context.gathered.market), background, context.as_of)


def told(found: Findings) -> str:
    if not found.is_evidenced:
        return f"nothing in {found.sources_read} sources"
    return f"{len(found.implementations)} implementations, {len(found.limits)} limits and complaints"
