"""Devices that use the API without signing in."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from accounts.models.principal import Principal


class Device(models.Model):
    """A device that used the API without signing in, known by an HMAC of its id only."""

    digest = models.BinaryField(unique=True, max_length=32)
    principal = models.ForeignKey(Principal, on_delete=models.CASCADE, related_name="devices")
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"device of {self.principal_id}"
