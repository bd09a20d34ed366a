"""Answers kept so that a repeated request has no second effect."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models.functions import Now

from accounts.models.principal import OwnedModel


class IdempotencyKey(OwnedModel):
    """An `Idempotency-Key` and the answer it got; `status` is null while the first request is at work.

    On a rebind the user's own key wins over an equal anonymous one.
    """

    route = models.CharField(max_length=80)
    key = models.CharField(max_length=255)
    request_hash = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)
    body: models.JSONField[Any, Any] = models.JSONField(null=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["owner", "route", "key"], name="idempotency_key_once")]
        indexes = [models.Index(fields=["created_at"], name="idempotency_age")]  # pruning

    def __str__(self) -> str:
        return f"{self.route} {self.pk}"

    @classmethod
    def merge(cls, source_id: str, target_id: str) -> None:
        own = cls.objects.filter(
            owner_id=target_id, route=models.OuterRef("route"), key=models.OuterRef("key")
        )
        cls.objects.filter(models.Exists(own), owner_id=source_id).delete()
