"""Evidence of a research job: which words of which source stand behind its claims."""

from __future__ import annotations

import uuid

from django.db import models

from accounts.models import OwnedModel
from research.models.research import ResearchJob
from research.models.source import Source


class Evidence(OwnedModel):
    """A quote, valid when it was written: `source.text[start:end] == quote`."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    job = models.ForeignKey(ResearchJob, on_delete=models.CASCADE, related_name="evidence")
    key = models.UUIDField(help_text="the evidence id inside the artifact")
    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="+")
    quote = models.TextField()
    start = models.PositiveIntegerField()
    end = models.PositiveIntegerField()
    weight = models.FloatField()

    class Meta:
        verbose_name_plural = "evidence"
        constraints = [models.UniqueConstraint(fields=["job", "key"], name="evidence_once_per_job")]

    def __str__(self) -> str:
        return self.quote[:80]
