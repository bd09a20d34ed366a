"""What a person told us about themselves, and how they want to be served."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models.functions import Now

from accounts.models.principal import OwnedModel, Principal
from accounts.tiers import FREE, TIERS


class Profile(models.Model):
    """One per principal, made on first use. `credits_total` above zero overrides the tier's cap."""

    owner = models.OneToOneField(Principal, primary_key=True, on_delete=models.CASCADE, related_name="+")
    name = models.TextField(blank=True, default="")
    email = models.TextField(blank=True, default="")
    plan = models.CharField(max_length=20, default=FREE, choices=[(tier, tier) for tier in TIERS])
    credits_total = models.PositiveIntegerField(default=0)
    agent_config: models.JSONField[Any, Any] = models.JSONField(default=dict, blank=True)
    muted_notifications: models.JSONField[Any, Any] = models.JSONField(default=list, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"profile of {self.owner_id}"


class PushToken(OwnedModel):
    """A device that wants push messages. A token moves with the device to whoever signs in on it."""

    class Environment(models.TextChoices):
        PRODUCTION = "production"
        DEVELOPMENT = "development"
        SANDBOX = "sandbox"

    device_token = models.TextField(unique=True)
    environment = models.CharField(max_length=12, choices=Environment.choices)
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"push token {self.pk}"

    @staticmethod
    def register(owner_id: str, *, device_token: str, environment: str) -> None:
        """Send the owner's messages to this device from now on, whoever had it before."""
        PushToken.objects.bulk_create(
            [PushToken(owner_id=owner_id, device_token=device_token, environment=environment)],
            update_conflicts=True,
            unique_fields=["device_token"],
            update_fields=["owner", "environment"],
        )
