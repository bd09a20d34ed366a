"""Vectors of ideas, kept up with their texts and with the model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import reset_queries, transaction
from django.db.models import QuerySet

from manticscore.clients.embedding_service import ServiceUnavailable
from projects import embedding
from projects.embedding import Model
from projects.models import IndexedIdea

BATCH = 64
PLAIN = "a recipe box"  # no model refuses that for what it says


def stale(model_id: str) -> QuerySet[IndexedIdea]:
    """Ideas without a vector of that model."""
    return IndexedIdea.objects.exclude(vector_model=model_id)


def embed_one(idea_id: UUID) -> int:
    """Give an idea a vector if it has none of the current model; returns how many got one."""
    model = embedding.current()
    return embed(list(stale(model.model_id).filter(pk=idea_id).only("text")), model)


@dataclass(frozen=True, slots=True)
class Progress:
    """Ideas that got a vector, and ideas whose text the model does not take."""

    embedded: int = 0
    refused: int = 0


def reembed() -> Iterator[Progress]:
    """Embed all stale ideas, a batch at a time in the order of their ids; yields how many each time.

    Raises ServiceUnavailable.
    """
    model = embedding.current()
    ideas = stale(model.model_id).order_by("pk").only("text")
    batch = list(ideas[:BATCH])
    while batch:
        yield embed_willing(batch, model)
        reset_queries()  # with DEBUG=1 Django would keep every statement, vectors included
        batch = list(ideas.filter(pk__gt=batch[-1].pk)[:BATCH])


def embed_willing(ideas: Sequence[IndexedIdea], model: Model) -> Progress:
    """As `embed`, but a text that is refused for good keeps back no other.

    Raises ServiceUnavailable for what may pass, and when it is not the texts that are refused.
    """
    try:
        return Progress(embed(ideas, model))
    except ServiceUnavailable as error:
        if not error.permanent:
            raise
    embedded = refused = 0
    for idea in ideas:
        try:
            embedded += embed([idea], model)
        except ServiceUnavailable as error:
            if not error.permanent:
                raise
            refused += 1
    if refused == len(ideas):
        model.embed([PLAIN])
    return Progress(embedded, refused)


def embed(ideas: Sequence[IndexedIdea], model: Model) -> int:
    """Store a vector for each; a text that changed meanwhile is left to the task of its change."""
    if not ideas:
        return 0
    vectors = model.embed([idea.text for idea in ideas])  # outside the transaction: it may take long
    with transaction.atomic():
        return sum(
            IndexedIdea.objects.filter(pk=idea.pk, text=idea.text).update(
                vector=vector, vector_model=model.model_id
            )
            for idea, vector in zip(ideas, vectors, strict=True)
        )
