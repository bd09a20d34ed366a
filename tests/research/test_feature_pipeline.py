"""Feature deep research over a small corpus in the database: each stage, then whole runs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, timedelta
from functools import partial
from typing import Any

import pytest

from manticscore import errors
from manticscore.pipeline import Report, Stage, Superseded
from realtime import runs
from realtime.events import MAX_EVENT_BYTES
from realtime.models import StageResult, Stream
from realtime.runs import StreamJournal
from research import pruning
from research.analyst.deep import proof
from research.corpus import indexing
from research.corpus.importing import Record
from research.models import FeatureEvidence, FeatureResearchJob, Source
from research.pipeline import features, keeping
from research.pipeline.featurecontext import FeatureContext
from research.pipeline.stages import feature_synthesize
from research.pipeline.stages.feature_analyze import Analyze
from research.pipeline.stages.feature_gather import MARKET, Gather
from research.pipeline.stages.feature_scope import Scope
from research.pipeline.stages.feature_synthesize import Synthesize
from research.schemas_features import FeatureArtifact
from tests import factories
from tests.helpers import log, stages

IDEA = "a recipe manager for families that plans meals and makes a shopping list from the meal plan"
ASKED = [
    {"id": "f1", "name": "shopping list", "source": "research"},
    {"id": "f2", "name": "meal plan", "source": "user"},
    {"id": "f3", "name": "import recipes from websites", "source": "user"},
    {"id": "f4", "name": "quantum teleportation", "source": "user"},
]
STAGES: Sequence[type[Stage[FeatureContext]]] = (Scope, Gather, Analyze, Synthesize)
DAY = date(2026, 11, 21)


def start(idea: str = IDEA, **values: Any) -> FeatureContext:
    job = factories.feature_research_job(idea=idea, **{"as_of": DAY, "features": ASKED, **values})
    return features.context(job, StreamJournal(job.pk, job.stream.attempt, job.stream.channel))


def through(context: FeatureContext, last: type[Any]) -> dict[str, Any]:
    return stages.through(context, STAGES, last)


def execute(idea: str = IDEA, **values: Any) -> FeatureResearchJob:
    job = factories.feature_research_job(idea=idea, **{"as_of": DAY, "features": ASKED, **values})
    assert runs.execute(job.pk, features.pipeline(), partial(features.context, job)) is True
    return FeatureResearchJob.objects.select_related("stream").get(pk=job.pk)


def artifact_of(job: FeatureResearchJob) -> FeatureArtifact:
    return FeatureArtifact.model_validate(job.artifact)


def rows_of(artifact: FeatureArtifact) -> list[Any]:
    """Every row that carries quotes."""
    return [
        row
        for study in artifact.features
        for part in ("implementations", "patterns", "edge_cases", "risk_matrix", "open_source")
        for row in getattr(study, part)
    ]


def assert_proved(job: FeatureResearchJob) -> None:
    """Every quote of the artifact stands in a stored passage, and has its row."""
    found = {quote.evidence_id: quote for row in rows_of(artifact_of(job)) for quote in row.evidence}
    assert {str(row.key) for row in job.evidence.all()} == found.keys()
    for row in job.evidence.select_related("source"):
        assert row.source.text[row.start : row.end] == row.quote == found[str(row.key)].text
        assert row.source.passages.filter(start=row.start, end=row.end).exists()
        assert row.owner_id == job.owner_id


def test_scope(corpus: list[Record]) -> None:
    context = start()
    assert through(context, Scope) == {"scope": {"features": 4}}
    assert [feature.archetypes for feature in context.wanted] == [["record"], ["scheduling"], ["import"], []]


@pytest.mark.parametrize(
    ("idea", "name"), [("", "a list"), (" \u200b", "a list"), ("a recipe box", "..."), ("?", "a list")]
)
def test_scope_refuses_what_has_no_words(corpus: list[Record], idea: str, name: str) -> None:
    with pytest.raises(errors.EmptyInput):
        through(start(idea, features=[{"id": "1", "name": name, "source": "user"}]), Scope)


def test_other_wordings_come_from_the_market_research(corpus: list[Record]) -> None:
    artifact = {"features": [{"id": "f1", "phrases": ["grocery list", "shopping list"]}]}
    job = factories.research_job(artifact=artifact)
    context = start(research=job)
    through(context, Scope)
    assert [feature.wordings for feature in context.wanted] == [["grocery list"], [], [], []]


def test_gather(corpus: list[Record]) -> None:
    context = start()
    counts = through(context, Gather)
    found = context.gathered
    assert list(found.features) == ["f1", "f2", "f3", "f4"]
    assert counts["gather"] == {"sources": len(found.nearest)}
    assert 0 < len(found.market) <= min(MARKET, len(corpus))
    first = Source.objects.filter(pk__in=list(found.market)[:5]).values_list("category", flat=True)
    assert list(first).count("recipes-and-meal-planning") >= 4
    assert all(0 <= score <= 1 for score in found.nearest.values())


def test_gather_finds_repositories_beside_the_nearest(corpus: list[Record]) -> None:
    Source.objects.filter(name="Mealie").update(kind="repository")
    context = start()
    through(context, Gather)
    mealie = str(Source.objects.get(name="Mealie").pk)
    assert all(mealie in scores for key, scores in context.gathered.features.items() if key != "f4")


def test_analyze(corpus: list[Record]) -> None:
    context = start()
    counts = through(context, Analyze)
    shopping, meals, importing, nonsense = context.findings
    assert counts["analyze"]["implementations"] == sum(len(f.implementations) for f in context.findings)
    assert counts["analyze"]["without_evidence"] == 1
    assert {"Mealie", "AnyList"} <= {row.product for row in shopping.implementations}
    assert all(row.how in row.evidence[0].text for row in shopping.implementations)
    assert meals.market_holders >= 5
    assert [row.product for row in importing.implementations] == ["Plan to Eat"]
    assert not nonsense.is_evidenced
    assert nonsense.sources_read > 10
    texts = {str(key): text for key, text in Source.objects.values_list("id", "text")}
    for found in context.findings:
        assert proof.prove(found, texts) == (found, 0)


def test_lacks_and_limits_are_edge_cases(corpus: list[Record]) -> None:
    context = start()
    through(context, Analyze)
    told = {row.product: row for row in context.findings[1].limits}
    assert "no full meal planning calendar" in told["NYT Cooking"].text
    assert told["NYT Cooking"].evidence[0].role == "absence"


def test_synthesize(corpus: list[Record]) -> None:
    context = start()
    counts = through(context, Synthesize)
    job = FeatureResearchJob.objects.get(pk=context.job_id)
    artifact = artifact_of(job)
    assert counts["synthesize"] == {"evidence": job.evidence.count(), "dropped_rows": 0}
    assert artifact.provenance.evidence_count == job.evidence.count() > 5
    assert job.artifact_hash == keeping.artifact_hash(artifact)
    assert context.result == {"job_id": str(job.pk), "artifact_hash": job.artifact_hash, **job.artifact}  # type: ignore[dict-item]
    assert_proved(job)


def test_build_order_follows_what_the_idea_says(corpus: list[Record]) -> None:
    artifact = artifact_of(execute())
    steps = {step.feature_id: step for step in artifact.blueprint.build_order}
    assert [(need.on, need.basis) for need in steps["f1"].depends_on] == [("f2", "explicit")]
    assert steps["f2"].position < steps["f1"].position
    assert {key for key, step in steps.items() if step.phase == 1} == {"f1", "f2"}
    assert artifact.blueprint.mvp.feature_ids == ["f2", "f1"]


def test_feature_without_evidence_says_so(corpus: list[Record]) -> None:
    study = artifact_of(execute()).features[3]
    assert study.status == "no evidence"
    assert f"None of the {study.sources_read} sources" in study.note
    assert (study.implementations, study.patterns, study.open_source, study.prevalence) == ([], [], [], 0.0)
    assert {row.basis for row in study.edge_cases} == {"rule"}
    assert {row.basis for row in study.risk_matrix} == {"rule"}


def test_empty_corpus_is_no_failure(db: None, without_background: None) -> None:
    indexing.index()
    job = execute()
    assert job.stream.status == "completed"
    artifact = artifact_of(job)
    assert {study.status for study in artifact.features} == {"no evidence"}
    assert all(study.note.startswith("No source could be read.") for study in artifact.features)
    assert artifact.provenance.evidence_count == job.evidence.count() == 0


def test_whole_run(corpus: list[Record]) -> None:
    job = execute()
    assert (job.stream.status, job.stream.stage, job.stream.attempt) == ("completed", "synthesize", 1)
    events = log.stored(job.pk)
    told = [(data["name"], data["status"]) for _, event, data in events if event == "stage"]
    names = ["scope", "gather", "analyze", "synthesize"]
    assert told == [(name, status) for name in names for status in ("started", "completed")]
    assert [event for _, event, _ in events][-2:] == ["result", "done"]
    result = events[-2][2]
    assert result["artifact_url"] == f"/feature-research/{job.pk}/result"
    assert {name: result[name] for name in job.artifact} == job.artifact  # type: ignore[union-attr]
    assert set(StageResult.objects.values_list("stage", flat=True)) == set(names)
    assert_proved(job)


def test_same_question_over_the_same_corpus_is_the_same_artifact(corpus: list[Record]) -> None:
    first, second = execute(), execute()
    assert first.artifact_hash == second.artifact_hash
    assert first.owner_id != second.owner_id
    assert execute(features=ASKED[:2]).artifact_hash != first.artifact_hash


def test_a_very_large_result_is_told_in_its_head(
    corpus: list[Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "MAX_RESULT_BYTES", 1000)
    result = log.stored(execute().pk)[-2][2]
    assert result["complete"] is False
    assert "features" not in result
    assert result["blueprint"].keys() == {"build_order", "set_aside", "mvp"}
    assert (result["blueprint"]["build_order"], result["blueprint"]["set_aside"]) == (4, 0)


def test_a_run_whose_features_all_need_each_other_fits_in_an_event(corpus: list[Record]) -> None:
    asked = [{"id": str(number), "name": "csv", "source": "user"} for number in range(10)]
    job = execute("csv from " * 900, features=asked)
    assert (job.stream.status, len(artifact_of(job).blueprint.set_aside)) == ("completed", 45)
    result = log.stored(job.pk)[-2][2]
    assert result["blueprint"] == job.artifact["blueprint"]  # type: ignore[index]


def test_what_the_log_does_not_take_ends_the_run_with_an_error(
    corpus: list[Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(features, "result", lambda context: {"idea": "x" * MAX_EVENT_BYTES})
    job = execute()
    assert (job.stream.status, job.stream.closed_seq is None) == ("failed", False)
    events = log.stored(job.pk)
    assert [event for _, event, _ in events][-2:] == ["error", "done"]
    assert events[-2][2]["code"] == "INTERNAL_ERROR"


def test_a_source_that_changes_before_it_is_locked_is_proved_again(
    corpus: list[Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    context = start()
    through(context, Analyze)
    conclude = feature_synthesize.conclude

    def then_changed(*arguments: Any) -> Any:
        made = conclude(*arguments)
        Source.objects.filter(name="Mealie").update(text="Now it says something else.")
        return made

    monkeypatch.setattr(feature_synthesize, "conclude", then_changed)
    output = Synthesize().run(context, Report("synthesize", lambda event, data: None))
    job = FeatureResearchJob.objects.get(pk=context.job_id)
    assert output.counts["dropped_rows"] > 0
    assert "Mealie" not in {row["product"] for row in job.artifact["features"][0]["implementations"]}  # type: ignore[index]
    assert_proved(job)


@pytest.mark.parametrize("last", STAGES)
def test_resumed_run_makes_the_same_artifact(corpus: list[Record], last: type[Any]) -> None:
    """Checkpoints alone carry a run on: what they hold is everything a later stage needs."""
    whole = execute()
    job = factories.feature_research_job(idea=IDEA, as_of=DAY, features=ASKED)
    first = runs.claim(job.pk)
    assert first is not None
    context = features.context(job, first)
    for stage in STAGES[: STAGES.index(last) + 1]:
        step = stage()
        output = step.run(context, Report(step.name, lambda event, data: None))
        step.resume(context, output.data)
        first.checkpoint(step.name, output.data, {"name": step.name, "status": "completed"})
    assert runs.execute(job.pk, features.pipeline(), partial(features.context, job)) is True
    job.refresh_from_db()
    assert job.artifact_hash == whole.artifact_hash
    started = [data["name"] for _, event, data in log.stored(job.pk) if data.get("status") == "started"]
    assert started == [stage.name for stage in STAGES[STAGES.index(last) + 1 :]]
    assert_proved(job)


def test_overtaken_run_stores_nothing(corpus: list[Record]) -> None:
    context = start()
    through(context, Analyze)
    Stream.objects.filter(pk=context.job_id).update(attempt=5)
    with pytest.raises(Superseded):
        Synthesize().run(context, Report("synthesize", lambda event, data: None))
    assert not FeatureEvidence.objects.exists()


@pytest.mark.parametrize(
    "change", [lambda text: "Now it says something else.", lambda text: f" {text}", lambda text: text.upper()]
)
def test_rows_whose_quotes_left_their_source_are_dropped(corpus: list[Record], change: Any) -> None:
    context = start()
    through(context, Analyze)
    source = Source.objects.get(name="Mealie")
    Source.objects.filter(pk=source.pk).update(text=change(source.text))
    output = Synthesize().run(context, Report("synthesize", lambda event, data: None))
    job = FeatureResearchJob.objects.get(pk=context.job_id)
    assert output.counts["dropped_rows"] == job.artifact["provenance"]["dropped_rows"] > 0  # type: ignore[index]
    assert "Mealie" not in {row["product"] for row in job.artifact["features"][0]["implementations"]}  # type: ignore[index]
    assert str(source.pk) not in json.dumps(job.artifact)
    assert all("Mealie" not in row.products for row in rows_of(artifact_of(job)) if hasattr(row, "products"))


def test_quoted_live_pages_are_kept(corpus: list[Record]) -> None:
    job = execute()
    quoted = job.evidence.values_list("source_id", flat=True)
    Source.objects.update(origin="live", fetched_at="2020-01-01T00:00:00Z")
    assert not pruning.old_pages(timedelta(days=1)).filter(pk__in=quoted).exists()
    assert pruning.old_pages(timedelta(days=1)).exists()
