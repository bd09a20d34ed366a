"""A feature deep research job. Status, stage and times are its stream's, as for market research."""

from __future__ import annotations

import uuid
from typing import Any

from django.db import models
from django.db.models.functions import Now

from accounts.models import OwnedModel
from realtime.models import Stream
from research.models.research import ResearchJob


class FeatureResearchQuerySet(models.QuerySet["FeatureResearchJob"]):
    def owned_by(self, principal_id: str) -> FeatureResearchQuerySet:
        return self.filter(owner_id=principal_id)

    def completed(self) -> FeatureResearchQuerySet:
        return self.filter(stream__status="completed").exclude(artifact=None)


class FeatureResearchJob(OwnedModel):
    """Which features to look at, and what came of it.

    `features` are objects of id, name and source. `research` is the market research they come from, whose
    artifact tells other wordings of them; `is_chained` when that run started this one.
    """

    stream = models.OneToOneField(Stream, on_delete=models.CASCADE, primary_key=True)
    idea = models.TextField()
    features: models.JSONField[Any, Any] = models.JSONField(default=list)
    project_id = models.UUIDField(null=True, blank=True)
    research = models.ForeignKey(
        ResearchJob, null=True, blank=True, on_delete=models.SET_NULL, related_name="feature_research"
    )
    is_chained = models.BooleanField(default=False)
    as_of = models.DateField(help_text="the day the research looks from; makes a re-run reproducible")
    artifact: models.JSONField[Any, Any] = models.JSONField(null=True, blank=True)
    artifact_hash = models.CharField(max_length=64, default="", blank=True)
    created_at = models.DateTimeField(db_default=Now())

    objects = FeatureResearchQuerySet.as_manager()

    class Meta:
        verbose_name = "feature research job"
        indexes = [models.Index(fields=["owner", "-created_at"], name="feature_research_of_owner")]
        constraints = [
            # A market run that ends is told once: what it starts exists once.
            models.UniqueConstraint(
                fields=["research"], condition=models.Q(is_chained=True), name="feature_research_chained_once"
            )
        ]

    def __str__(self) -> str:
        return ", ".join(feature["name"] for feature in self.features)[:80]

    @classmethod
    def latest_of(cls, project_id: uuid.UUID) -> FeatureResearchJob | None:
        """The newest completed one of a project."""
        of_project = cls.objects.completed().filter(stream__project_id=project_id)
        return of_project.order_by("-stream__created_at", "pk").first()
