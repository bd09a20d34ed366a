"""Devices that use the API without signing in."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from accounts.models.principal import Principal


class Device(models.Model):
    """A device that used the API without signing in, known by an HMAC of its id only.

    `principal` is who its anonymous sessions act as now: none right after a rebind, so that the next one
    gets a fresh principal and a device id never opens a signed-in user's data. `rebound_to` is the user
    who claimed it last.
    """

    digest = models.BinaryField(unique=True, max_length=32)
    principal = models.ForeignKey(
        Principal, null=True, blank=True, on_delete=models.SET_NULL, related_name="devices"
    )
    rebound_to = models.ForeignKey(
        Principal, null=True, blank=True, on_delete=models.SET_NULL, related_name="rebound_devices"
    )
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"device {self.pk}"
