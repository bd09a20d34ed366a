"""Rebinds that happened, claims that clashed, and how staff settled them."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from accounts.models.device import Device
from accounts.models.principal import Principal


class Rebind(models.Model):
    """An anonymous principal's rows were given to a user: how many of which table, by whom if by staff.

    `moved` holds the primary keys per table, so that a resolution by staff can be undone.
    """

    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="rebinds")
    source = models.ForeignKey(Principal, on_delete=models.CASCADE, related_name="+")
    target = models.ForeignKey(Principal, on_delete=models.CASCADE, related_name="+")
    rows = models.PositiveIntegerField()
    moved: models.JSONField[Any, Any] = models.JSONField(default=dict)
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.source_id} to {self.target_id}"


class RebindConflict(models.Model):
    """A second user claimed a device. Nothing was moved; a person decides."""

    class Resolution(models.TextChoices):
        KEEP = "keep", "Keep the present owner"
        TRANSFER = "transfer", "Transfer the device's rows to the claimant"
        RELEASE = "release", "Release the device for future use"

    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="conflicts")
    present_owner = models.ForeignKey(Principal, on_delete=models.CASCADE, related_name="+")
    claimant = models.ForeignKey(Principal, on_delete=models.CASCADE, related_name="+")
    claims = models.PositiveIntegerField(default=1, help_text="how often this claim was made")
    created_at = models.DateTimeField(db_default=Now())
    last_claimed_at = models.DateTimeField(db_default=Now())
    resolution = models.CharField(max_length=8, choices=Resolution.choices, blank=True, default="")
    resolved_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        permissions = [("resolve_rebindconflict", "Can resolve rebind conflicts")]
        constraints = [
            models.UniqueConstraint(
                fields=["device", "claimant"],
                condition=models.Q(resolved_at=None),
                name="one_open_conflict_per_claim",
            )
        ]

    def __str__(self) -> str:
        return f"{self.claimant_id} claims {self.device}"


class RebindAudit(models.Model):
    """Who resolved or undid what, when and why; never changed, never deleted."""

    conflict = models.ForeignKey(RebindConflict, on_delete=models.PROTECT, related_name="audit")
    staff = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    action = models.CharField(max_length=12)
    reason = models.TextField()
    effect: models.JSONField[Any, Any] = models.JSONField(default=dict)
    created_at = models.DateTimeField(db_default=Now())
    undone_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.action} by {self.staff_id}"
