from __future__ import annotations

from typing import Any

from django.db import transaction

from manticscore.pipeline import Output, Report
from research.analyst.deep import blueprint, proof, studies, telling
from research.analyst.deep.findings import Findings
from research.models import FeatureResearchJob
from research.pipeline import keeping
from research.pipeline.featurecontext import FeatureContext
from research.schemas import Quote
from research.schemas_features import FeatureArtifact, FeatureProvenance


class Synthesize:
    """Checks every quote against the stored source, concludes from what is left, and stores it."""

    name = "synthesize"
    blocking = True
    reserved = True

    def run(self, context: FeatureContext, report: Report) -> Output:
        # Concluded before anything is locked, and again only if a source has changed meanwhile.
        quotes = quotes_of(context.findings).values()
        told = keeping.texts(quotes)
        proved, dropped = prove(context.findings, told)
        artifact = conclude(context, proved, dropped)
        with transaction.atomic(), context.fenced():
            stored = keeping.texts(quotes, lock=True)
            if stored != told:
                proved, dropped = prove(context.findings, stored)
                artifact = conclude(context, proved, dropped)
            job = FeatureResearchJob.objects.select_for_update(of=("self",)).get(pk=context.job_id)
            count = keeping.keep(job, artifact, quotes_of(proved).values())
        report(f"{count} quotes checked against their sources")
        return Output({"artifact_hash": job.artifact_hash}, {"evidence": count, "dropped_rows": dropped})

    def resume(self, context: FeatureContext, output: Any) -> None:
        job = FeatureResearchJob.objects.only("artifact").get(pk=context.job_id)
        head = {"job_id": str(context.job_id), "artifact_hash": output["artifact_hash"]}
        context.result = {**head, **(job.artifact or {})}


def prove(findings: list[Findings], texts: dict[str, str]) -> tuple[list[Findings], int]:
    """The findings without what these texts do not say, and how many rows went."""
    proved = [proof.prove(found, texts) for found in findings]
    return [found for found, _ in proved], sum(dropped for _, dropped in proved)


def quotes_of(findings: list[Findings]) -> dict[str, Quote]:
    """Every quoted place once, by its id."""
    return {quote.evidence_id: quote for found in findings for quote in proof.all_quotes(found)}


def conclude(context: FeatureContext, proved: list[Findings], dropped: int) -> FeatureArtifact:
    found = [studies.study(findings) for findings in proved]
    plan = blueprint.plan(found, context.idea)
    return FeatureArtifact(
        idea=context.idea,
        as_of=context.as_of,
        features=found,
        blueprint=plan,
        summary=telling.summary(found, plan),
        provenance=FeatureProvenance(
            embedding_model=context.corpus.space,
            corpus_size=context.corpus.size,
            sources_considered=len(context.gathered.nearest),
            evidence_count=len(quotes_of(proved)),
            dropped_rows=dropped,
        ),
    )
