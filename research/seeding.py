"""What to suggest for a new project, without any research of its own.

First from earlier research about similar ideas, the owner's own and what others show to everybody; then
from the corpus, by the first stages of the offline pipeline. Nothing is asked of models or of the web.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from manticscore import errors
from manticscore.clients.embedding_service import ServiceUnavailable
from manticscore.pipeline import Report, Stage
from projects import embedding, public, search
from projects.models import Project
from realtime import publish
from research.corpus.postgres import PostgresCorpus
from research.events import Origin, ProjectSeeded, SuggestedCompetitor, Suggestion
from research.models import ResearchJob
from research.pipeline.context import MarketContext
from research.pipeline.stages.analyze import Analyze
from research.pipeline.stages.interpret import Interpret
from research.pipeline.stages.judge import Judge
from research.pipeline.stages.search import KEPT, find
from research.results import artifacts
from research.results.artifacts import Row

COMPETITORS = 6
FEATURES = 8
SIMILAR_IDEAS = 5
# Below this similarity an idea is taken to be of another market.
SIMILAR = 0.5

Rows = list[Row]
Named = TypeVar("Named", bound=Suggestion)

logger = logging.getLogger(__name__)


def seed(project: Project) -> bool:
    """Append `project.seeded` to the project's stream, once; False when it has been."""
    if project.seeded_at is not None:
        return False
    return tell(project, *suggest(project))


def suggest_nothing(project: Project) -> bool:
    """Append it with nothing in it: what there is to suggest cannot be found."""
    return tell(project, [], [])


def tell(project: Project, competitors: list[SuggestedCompetitor], features: list[Suggestion]) -> bool:
    event = ProjectSeeded(
        project_id=str(project.pk), suggested_competitors=competitors, suggested_features=features
    )
    with transaction.atomic():
        if not Project.objects.filter(pk=project.pk, seeded_at=None).update(seeded_at=Now()):
            return False
        publish.append(project.pk, 0, [event])
    return True


def suggest(project: Project) -> tuple[list[SuggestedCompetitor], list[Suggestion]]:
    """Competitors and features, the best first and no name twice."""
    competitors: list[SuggestedCompetitor] = []
    features: list[Suggestion] = []
    for origin, found_competitors, found_features in known(project):
        competitors += [competitor(row, origin) for row in found_competitors]
        features += [feature(row, origin) for row in found_features]
    return distinct(competitors)[:COMPETITORS], distinct(features)[:FEATURES]


def known(project: Project) -> Iterator[tuple[Origin, Rows, Rows]]:
    """Competitors and features as rows of artifacts, from the nearest origin to the farthest."""
    for artifact in earlier(project):
        yield "research", artifacts.most_relevant(artifact), artifact["features"]
    yield "catalogue", *in_corpus(idea_of(project))


def idea_of(project: Project) -> str:
    return f"{project.clean_title}. {project.description}" if project.description else project.title


def earlier(project: Project) -> list[dict[str, Any]]:
    """Artifacts of research about similar ideas, nearest first.

    Of a project only the latest, which is what its page shows.
    """
    ids = similar(project)
    jobs = ResearchJob.objects.with_result()
    of_projects = jobs.filter(stream__project_id__in=ids)
    latest = of_projects.order_by("stream__project_id", "-stream__created_at").distinct("stream__project_id")
    found = {job.stream.project_id: job for job in latest.select_related("stream")}
    found |= {job.pk: job for job in jobs.filter(pk__in=ids)}
    nearest = dict.fromkeys(found[idea_id] for idea_id in ids if idea_id in found)
    return [job.artifact for job in nearest if job.artifact is not None][:SIMILAR_IDEAS]


def similar(project: Project) -> list[UUID]:
    """Similar ideas whose research the owner may see; none while the embedding service is away."""
    try:
        model = embedding.current()
        (vector,) = model.embed([idea_of(project)])
    except ServiceUnavailable as error:
        logger.warning("no earlier research is suggested: %s", error)
        return []
    near = search.nearest(project.owner_id, vector, model.model_id, SIMILAR_IDEAS + 1)
    ids = [idea_id for idea_id, _, _, _, score in near if score >= SIMILAR and idea_id != project.pk]
    return without_hidden(ids, project.owner_id)


def without_hidden(ids: Sequence[UUID], owner_id: str) -> list[UUID]:
    """Leaves out projects that somebody published without their research."""
    others = Project.objects.filter(pk__in=ids).exclude(owner_id=owner_id)
    hidden = {project.pk for project in others if not public.options(project)["research"]}
    return [idea_id for idea_id in ids if idea_id not in hidden]


def in_corpus(idea: str) -> tuple[Rows, Rows]:
    """Products and features around an idea; none for an idea that cannot be read."""
    corpus = PostgresCorpus()
    context = MarketContext(
        job_id=UUID(int=0),
        idea=idea,
        as_of=timezone.now().date(),
        corpus=corpus,
        embed=corpus.embed,
    )
    try:
        work(Interpret(), context)
        ranked, context.considered = find(context)
        context.scores = dict(ranked[:KEPT])
        work(Judge(), context)
        work(Analyze(), context)
    except (errors.EmptyInput, errors.EmptyOutput):
        return [], []
    assert context.analysis is not None
    found = context.analysis.model_dump(mode="json")
    return found["competitors"], found["features"]


def work(stage: Stage[MarketContext], context: MarketContext) -> None:
    """A stage as in a run, except that nobody is told of its progress."""
    report = Report(stage.name, lambda event, data: None)
    stage.resume(context, stage.run(context, report).data)


def competitor(row: Row, origin: Origin) -> SuggestedCompetitor:
    named = {name: row[name] for name in ("id", "name", "url", "domain", "category")}
    return SuggestedCompetitor(**named, source=origin)


def feature(row: Row, origin: Origin) -> Suggestion:
    return Suggestion(id=row["id"], name=row["label"], source=origin)


def distinct(found: Iterable[Named]) -> list[Named]:
    """The first of each name."""
    first: dict[str, Named] = {}
    for item in found:
        first.setdefault(item.name.casefold(), item)
    return list(first.values())
