"""A market research job. Status, stage and times are its stream's: one fact, one place."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models.functions import Now

from accounts.models import OwnedModel
from realtime.models import Stream


class Mode(models.TextChoices):
    """`feature` goes on with deep research on the features that were found."""

    MARKET = "market"
    FEATURE = "feature"


class ResearchJobQuerySet(models.QuerySet["ResearchJob"]):
    def owned_by(self, principal_id: str) -> ResearchJobQuerySet:
        return self.filter(owner_id=principal_id)

    def with_result(self) -> ResearchJobQuerySet:
        """Those with something to show. Their status may be any: a section is made anew, or that failed."""
        return self.filter(artifact__isnull=False)

    def completed(self) -> ResearchJobQuerySet:
        """Those whose last run ended well."""
        return self.with_result().filter(stream__status="completed", stream__closed_seq__isnull=False)

    def versions_of(self, job: ResearchJob) -> ResearchJobQuerySet:
        """The owner's answers to the same question."""
        same = self.owned_by(job.owner_id).filter(idea_key=job.idea_key, mode=job.mode)
        return same.with_result()


class ResearchJob(OwnedModel):
    """What was asked and what came of it.

    `idea_key` is the idea's meaning (manticscore.lib.ideas). A job that `is_waiting` was accepted while its
    owner had no capacity left, and begins when some returns (research.queue). `answered_at` is when the
    artifact was stored, and means nothing without one.
    """

    stream = models.OneToOneField(Stream, on_delete=models.CASCADE, primary_key=True)
    idea = models.TextField()
    idea_key = models.CharField(max_length=64, blank=True, default="", db_default="")
    mode = models.CharField(max_length=10, choices=Mode.choices, default=Mode.MARKET)
    project_id = models.UUIDField(null=True, blank=True)
    as_of = models.DateField(help_text="the day the research looks from; makes a re-run reproducible")
    artifact: models.JSONField[Any, Any] = models.JSONField(null=True, blank=True)
    artifact_hash = models.CharField(max_length=64, default="", blank=True)
    answered_at = models.DateTimeField(db_default=Now())
    quality_score = models.FloatField(null=True, blank=True)
    is_waiting = models.BooleanField(default=False, db_default=False)
    is_public = models.BooleanField(default=False, db_default=False, help_text="everybody's searches find it")
    created_at = models.DateTimeField(db_default=Now())

    objects = ResearchJobQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["owner", "-created_at", "-stream"], name="research_of_owner"),
            models.Index(fields=["owner", "idea_key", "mode"], name="research_of_idea"),
        ]

    def __str__(self) -> str:
        return self.idea[:80]

    @classmethod
    def count_of(cls, owner_id: str) -> int:
        return cls.objects.owned_by(owner_id).count()

    @property
    def has_result(self) -> bool:
        """As `with_result`: the result stands until another takes its place, whatever became of that run."""
        return self.artifact is not None

    @property
    def waits(self) -> bool:
        """For capacity; what ended while it waited does not any more."""
        return self.is_waiting and self.stream.status == "queued"

    def position(self) -> int:
        """How many research jobs begin before this one; 0 when it runs or is next."""
        if self.stream.status != "queued":
            return 0
        ahead = ResearchJob.objects.filter(
            stream__closed_seq=None, stream__status="queued", stream__created_at__lt=self.stream.created_at
        )
        return ahead.filter(models.Q(is_waiting=False) | models.Q(owner_id=self.owner_id)).count()
