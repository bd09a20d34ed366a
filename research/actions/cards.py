"""Cards: an idea, the project it belongs to and the research about it, in one step."""

from __future__ import annotations

import logging
import uuid
from dataclasses import replace
from typing import Any

from django.db import DatabaseError, transaction
from django.db.models.functions import Now
from procrastinate.exceptions import ConnectorException

from accounts.models import Principal
from manticscore import errors
from manticscore.lib import ideas
from projects import actions as projects
from projects import search
from projects.models import Project
from realtime.models import Stream
from research import signals
from research.actions import research
from research.actions.research import Identical, Question
from research.analyst import interpretation
from research.corpus.postgres import PostgresCorpus
from research.models import Card, ResearchJob

MOST_FEATURES = 10

logger = logging.getLogger(__name__)


@transaction.atomic
def put(owner: Principal, idea: str, *, project_id: uuid.UUID | None = None) -> Card:
    """The owner's card for this idea: the one there is, or a new one with its project and research.

    Research that failed without a result, or is gone, is begun again. Raises NotFound for a project that is
    not the owner's, BridgeInvariantViolated without a project, and TooManyRequests as research does.
    """
    project = bridge(owner.pk, idea) if project_id is None else projects.hold(owner.pk, project_id)
    key = ideas.key(idea)
    cards = Card.objects.of_ideas().select_related("research__stream", "project")
    card = cards.select_for_update(of=("self",)).filter(project=project, idea_key=key).first()
    if card is None:
        job = researched(owner, idea, project)
        new = {"owner_id": project.owner_id, "research": job, "idea": idea}
        card, _ = cards.get_or_create(
            project=project,
            idea_key=key,
            kind=Card.Kind.IDEA,
            defaults=new | {"title": ideas.clean_title(idea), "interpretation": understood(idea)},
        )
    elif card.research is None or is_failure(card.research):
        card.research = researched(owner, idea, project)
    card.updated_at = Now()
    card.save(update_fields=["research", "updated_at"])
    return cards.with_interpreted().defer("research__artifact").get(pk=card.pk)


def understood(idea: str) -> dict[str, Any] | None:
    """The idea by its words alone, until the research knows better; None when nothing can be made of it."""
    try:
        return interpretation.at_once(idea, PostgresCorpus()).model_dump(mode="json")
    except (interpretation.EmptyIdea, interpretation.UnresearchableIdea):
        return None


def is_failure(job: ResearchJob) -> bool:
    """A result stands, whatever became of a part of it that was to be made anew."""
    return job.stream.status == "failed" and not job.has_result


def bridge(owner_id: str, idea: str) -> Project:
    """The project of an idea. When it cannot be made with all that belongs to it, it is made without."""
    for way in (projects.create, projects.create_bare):
        try:
            with transaction.atomic():
                return way(owner_id=owner_id, title=ideas.clean_title(idea), description=idea).project
        except (DatabaseError, ConnectorException) as error:
            gone = errors.from_exception(cause_of(error))
            if gone is not None:  # the database is, for the rest as well
                raise gone from error
            logger.exception("no project for an idea by %s", way.__name__)
    raise errors.BridgeInvariantViolated()


def cause_of(error: Exception) -> BaseException:
    """The database's own word, which the job queue wraps up."""
    return error.__cause__ or error if isinstance(error, ConnectorException) else error


def researched(owner: Principal, idea: str, project: Project) -> ResearchJob:
    """Research on the idea: what runs already, or is fresh in this project, else new.

    What runs without a project gets this one. What runs in another project stays there, because it is
    deleted with that one.
    """
    question = Question(idea, project_id=project.pk)
    apart = replace(question, apart=True)
    own = at_work(owner, apart)
    if own is not None:
        return own
    for asked in (question, apart):
        try:
            return research.ask(owner, asked).job
        except Identical:
            job = at_work(owner, asked)
        if job is None:  # it has ended meanwhile
            return research.ask(owner, asked).job
        if job.project_id in (None, project.pk):
            adopt(job, project)
            return job
    raise Identical()


def at_work(owner: Principal, question: Question) -> ResearchJob | None:
    """The job that has claimed the question."""
    running = ResearchJob.objects.owned_by(owner.pk).select_related("stream")
    return running.filter(stream__closed_seq=None, stream__dedup_key=question.dedup_key).first()


def adopt(job: ResearchJob, project: Project) -> None:
    """What happens from now on is told in the project's stream too; it is deleted with the project."""
    if job.project_id is None:
        job.project_id = project.pk
        Stream.objects.filter(pk=job.pk).update(project_id=project.pk)
        job.save(update_fields=["project_id"])
        search.adopt(job.pk, project.pk)


@transaction.atomic
def select_features(
    owner: Principal, job: ResearchJob, wanted: list[str], *, project_id: uuid.UUID | None = None
) -> Card:
    """A card of the features of a piece of research that are to be built, told to whoever plans it.

    Raises BadRequest when none of them is in the research. Where it has no project and none is named, the
    card gets the one of its idea; the research stays by itself.
    """
    features = {row["id"]: row for row in (job.artifact or {}).get("features", [])}
    chosen = [features[feature] for feature in dict.fromkeys(wanted) if feature in features][:MOST_FEATURES]
    if not chosen:
        raise errors.BadRequest("no_features_resolved")
    project_id = project_id or job.project_id
    project = bridge(owner.pk, job.idea) if project_id is None else projects.hold(owner.pk, project_id)
    card = Card.objects.create(
        owner_id=project.owner_id,
        kind=Card.Kind.FEATURES,
        project=project,
        research=job,
        idea=job.idea,
        idea_key=job.idea_key,
        title=ideas.clean_title(job.idea),
        content={"features": [{"id": row["id"], "name": row["label"]} for row in chosen]},
    )
    signals.features_selected.send(sender=Card, card=card)
    return card
