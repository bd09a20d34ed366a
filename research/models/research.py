"""A market research job. Status, stage and times are its stream's: one fact, one place."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models.functions import Now

from accounts.models import OwnedModel
from realtime.models import Stream


class ResearchJobQuerySet(models.QuerySet["ResearchJob"]):
    def owned_by(self, principal_id: str) -> ResearchJobQuerySet:
        return self.filter(owner_id=principal_id)


class ResearchJob(OwnedModel):
    """What was asked and what came of it."""

    stream = models.OneToOneField(Stream, on_delete=models.CASCADE, primary_key=True)
    idea = models.TextField()
    mode = models.CharField(max_length=10, default="market")
    project_id = models.UUIDField(null=True, blank=True)
    as_of = models.DateField(help_text="the day the research looks from; makes a re-run reproducible")
    artifact: models.JSONField[Any, Any] = models.JSONField(null=True, blank=True)
    artifact_hash = models.CharField(max_length=64, default="", blank=True)
    quality_score = models.FloatField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    objects = ResearchJobQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["owner", "-created_at"], name="research_of_owner")]

    def __str__(self) -> str:
        return self.idea[:80]

    @classmethod
    def count_of(cls, owner_id: str) -> int:
        return cls.objects.owned_by(owner_id).count()

    def position(self) -> int:
        """How many research jobs wait ahead of this one; 0 when it runs or is next."""
        if self.stream.status != "queued":
            return 0
        queue = Stream.objects.open().filter(channel=self.stream.channel, status="queued")
        return queue.filter(created_at__lt=self.stream.created_at).count()
