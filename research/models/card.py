"""Cards: what a client shows of an idea, or of a choice that was made among its features."""

from __future__ import annotations

import uuid
from typing import Any

from django.db import models
from django.db.models import OuterRef, Subquery
from django.db.models.functions import Now

from accounts.models import OwnedModel
from projects.models import Project
from realtime.models import StageResult
from research.models.research import ResearchJob


class CardQuerySet(models.QuerySet["Card"]):
    def owned_by(self, principal_id: str) -> CardQuerySet:
        return self.filter(owner_id=principal_id)

    def of_ideas(self) -> CardQuerySet:
        return self.filter(kind=Card.Kind.IDEA)

    def with_interpreted(self) -> CardQuerySet:
        """Each with `interpreted`: what its research stored of interpreting the idea, None before that."""
        stored = StageResult.objects.filter(stream_id=OuterRef("research_id"), stage="interpret")
        return self.annotate(interpreted=Subquery(stored.values("output")[:1]))  # type: ignore[no-redef]


class Card(OwnedModel):
    """A card always has a project, so that a client can go there. What state it is in, its research says.

    A project has one card per idea. A card of chosen features has in `content` which ones, for whoever
    plans the build. `interpretation` is how the idea was understood at once, by its words alone; None for an
    idea that could not be. Research that belongs to another project may go before the card does.
    """

    class Kind(models.TextChoices):
        IDEA = "idea"
        FEATURES = "features"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.IDEA)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+")
    research = models.ForeignKey(ResearchJob, null=True, on_delete=models.SET_NULL, related_name="+")
    idea = models.TextField()
    idea_key = models.CharField(max_length=64)
    title = models.TextField()
    content: models.JSONField[Any, Any] = models.JSONField(default=dict, blank=True)
    interpretation: models.JSONField[Any, Any] = models.JSONField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())

    objects = CardQuerySet.as_manager()

    interpreted: Any  # of `with_interpreted` only

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["project", "idea_key"], condition=models.Q(kind="idea"), name="card_idea_once"
            )
        ]
        indexes = [models.Index(fields=["owner", "-updated_at", "-id"], name="card_recent")]

    def __str__(self) -> str:
        return self.title
