from __future__ import annotations

import hashlib
import json
from typing import Any

from django.db import transaction

from manticscore.pipeline import Output, Report
from research.analyst.deep import blueprint, proof, studies, telling
from research.analyst.deep.findings import Findings
from research.models import FeatureEvidence, FeatureResearchJob, Source
from research.pipeline.featurecontext import FeatureContext
from research.schemas import Quote
from research.schemas_features import FeatureArtifact, FeatureProvenance


class Synthesize:
    """Checks every quote against the stored source, concludes from what is left, and stores it."""

    name = "synthesize"
    blocking = True
    reserved = True

    def run(self, context: FeatureContext, report: Report) -> Output:
        with transaction.atomic(), context.fenced():
            proved, dropped = prove(context.findings)
            artifact = conclude(context, proved, dropped)
            digest = artifact_hash(artifact)
            save(context, artifact, digest, quotes_of(proved))
        count = artifact.provenance.evidence_count
        report(f"{count} quotes checked against their sources")
        return Output({"artifact_hash": digest}, {"evidence": count, "dropped_rows": dropped})

    def resume(self, context: FeatureContext, output: Any) -> None:
        job = FeatureResearchJob.objects.only("artifact").get(pk=context.job_id)
        head = {"job_id": str(context.job_id), "artifact_hash": output["artifact_hash"]}
        context.result = {**head, **(job.artifact or {})}


def prove(findings: list[Findings]) -> tuple[list[Findings], int]:
    """The findings without what the sources do not say as they are stored now.

    The sources stay locked until the transaction ends, so that no import changes them before the save.
    """
    wanted = {quote.source_id for quote in quotes_of(findings).values()}
    locked = Source.objects.select_for_update(no_key=True).filter(id__in=wanted).order_by("id")
    texts = {str(key): text for key, text in locked.values_list("id", "text")}
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


def artifact_hash(artifact: FeatureArtifact) -> str:
    """SHA-256 of the canonical JSON: equal for the same question over the same corpus on the same day."""
    canonical = json.dumps(artifact.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def save(context: FeatureContext, artifact: FeatureArtifact, digest: str, quotes: dict[str, Quote]) -> None:
    """Store the artifact and its evidence; a repeated stage replaces what its first try wrote."""
    job = FeatureResearchJob.objects.select_for_update(of=("self",)).get(pk=context.job_id)
    job.artifact = artifact.model_dump(mode="json")
    job.artifact_hash = digest
    job.save(update_fields=["artifact", "artifact_hash"])
    job.evidence.all().delete()
    FeatureEvidence.objects.bulk_create(
        FeatureEvidence(
            owner_id=job.owner_id,
            job=job,
            key=key,
            source_id=quote.source_id,
            quote=quote.text,
            start=quote.start,
            end=quote.end,
            weight=quote.weight,
        )
        for key, quote in quotes.items()
    )
