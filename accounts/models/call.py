"""Calls of language models: what they cost, and what they answered while a run may still need it."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from accounts.models.principal import OwnedModel


class ModelCall(OwnedModel):
    """One request to a language model, written down before it is made.

    `settled_at` is null until its end is known. Until then, and where it never becomes known, tokens and
    cost are the most that it can have used. A call that was forgotten has no fingerprint and no reply: it
    is spending only, of what its run made before.
    """

    stream_id = models.UUIDField(help_text="the run that asked")
    stage = models.CharField(max_length=40)
    fingerprint = models.CharField(max_length=64, blank=True, default="")
    model = models.CharField(max_length=120)
    own_key = models.BooleanField(help_text="paid with the owner's own key")
    outcome = models.CharField(max_length=30, blank=True, default="", help_text="ok, or the error's code")
    reply: models.JSONField[Any, Any] = models.JSONField(null=True, blank=True)
    tokens_in = models.PositiveIntegerField()
    tokens_out = models.PositiveIntegerField()
    micro_usd = models.PositiveBigIntegerField()
    duration_ms = models.PositiveIntegerField(default=0)
    period = models.CharField(max_length=7)
    created_at = models.DateTimeField(db_default=Now())
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["stream_id", "stage", "fingerprint"],
                condition=~Q(fingerprint=""),
                name="model_call_once_per_run",
            )
        ]
        indexes = [
            models.Index(fields=["owner", "period"], name="model_call_of_owner"),
            models.Index(fields=["stream_id", "id"], name="model_call_of_run"),
        ]

    def __str__(self) -> str:
        return f"{self.stage} by {self.model}"
