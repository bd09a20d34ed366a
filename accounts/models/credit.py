"""Metering: what a month was used for, and every movement of credits."""

from __future__ import annotations

from django.db import models
from django.db.models import F
from django.db.models.functions import Now

from accounts.models.principal import OwnedModel


class UsagePeriod(OwnedModel):
    """What an owner used in one month (`2026-11`, UTC). Its row lock keeps credits from being spent twice.

    On a rebind both months add up.
    """

    key = models.CharField(max_length=7)
    credits = models.PositiveIntegerField(default=0)
    questions = models.PositiveIntegerField(default=0)
    tts_seconds = models.FloatField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["owner", "key"], name="usage_once_per_month")]

    def __str__(self) -> str:
        return f"{self.key} of {self.owner_id}"

    @classmethod
    def merge(cls, source_id: str, target_id: str) -> None:
        for period in cls.objects.select_for_update().filter(owner_id=source_id).order_by("key"):
            merged = cls.objects.filter(owner_id=target_id, key=period.key).update(
                credits=F("credits") + period.credits,
                questions=F("questions") + period.questions,
                tts_seconds=F("tts_seconds") + period.tts_seconds,
            )
            if merged:
                period.delete()


class LedgerEntry(OwnedModel):
    """One movement of credits: positive amounts were spent, negative ones given back or granted."""

    class Kind(models.TextChoices):
        CHARGE = "charge"
        REFUND = "refund"
        GRANT = "grant"

    kind = models.CharField(max_length=8, choices=Kind.choices)
    action = models.CharField(max_length=20)
    amount = models.IntegerField()
    period = models.CharField(max_length=7)
    entity_id = models.UUIDField(null=True, blank=True)
    note = models.TextField(blank=True, default="")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name_plural = "ledger entries"
        constraints = [
            # A job is charged once and refunded once, however often its end is announced.
            models.UniqueConstraint(
                fields=["entity_id", "kind"],
                condition=models.Q(entity_id__isnull=False),
                name="ledger_once_per_entity_and_kind",
            )
        ]
        indexes = [models.Index(fields=["owner", "-created_at"], name="ledger_of_owner")]

    def __str__(self) -> str:
        return f"{self.kind} {self.amount}"
