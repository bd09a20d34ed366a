"""Evidence of research jobs: which words of which source stand behind their claims."""

from __future__ import annotations

import uuid

from django.db import models

from accounts.models import OwnedModel
from research.models.feature_research import FeatureResearchJob
from research.models.research import ResearchJob
from research.models.source import Source


class Verdict(models.TextChoices):
    """What became of a quote at its source."""

    STILL_THERE = "still there"
    CHANGED = "changed"
    GONE = "gone"
    UNREACHABLE = "unreachable"


class Quoted(OwnedModel):
    """A quote of a job, valid when it was written: `source.text[start:end] == quote`.

    `verdict` is what the last look at the source's page found, at `checked_at`; `now_says` the sentence
    that stands there instead of a changed one.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    key = models.UUIDField(help_text="the evidence id inside the artifact")
    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="+")
    quote = models.TextField()
    start = models.PositiveIntegerField()
    end = models.PositiveIntegerField()
    weight = models.FloatField()
    checked_at = models.DateTimeField(null=True, blank=True)
    verdict = models.CharField(max_length=12, choices=Verdict.choices, default="", blank=True)
    now_says = models.TextField(default="", blank=True)

    job_id: uuid.UUID  # of the foreign key `job` that every kind has

    class Meta:
        abstract = True
        constraints = [models.UniqueConstraint(fields=["job", "key"], name="%(class)s_once_per_job")]
        indexes = [models.Index(fields=["checked_at"], name="%(class)s_checked")]  # what to look at next

    def __str__(self) -> str:
        return self.quote[:80]


class Evidence(Quoted):
    """A quote behind a row of a market landscape."""

    job = models.ForeignKey(ResearchJob, on_delete=models.CASCADE, related_name="evidence")

    class Meta(Quoted.Meta):
        verbose_name_plural = "evidence"


class FeatureEvidence(Quoted):
    """A quote behind a feature's rows."""

    job = models.ForeignKey(FeatureResearchJob, on_delete=models.CASCADE, related_name="evidence")

    class Meta(Quoted.Meta):
        verbose_name_plural = "feature evidence"


EVIDENCE: tuple[type[Quoted], ...] = (Evidence, FeatureEvidence)  # every kind
