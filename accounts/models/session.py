"""Bearer tokens at rest."""

from __future__ import annotations

import datetime
import uuid
from typing import Any

from django.db import models
from django.db.models.functions import Now

from accounts.models.principal import Principal


class Session(models.Model):
    """An opaque bearer token, of which only the SHA-256 is kept. Times are the database's."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    token_digest = models.BinaryField(unique=True, max_length=32)
    principal = models.ForeignKey(Principal, on_delete=models.CASCADE, related_name="sessions")
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["expires_at"], name="session_expiry")]  # pruning

    def __str__(self) -> str:
        return f"session of {self.principal_id}"

    def __repr__(self) -> str:
        return f"<Session {self.id}>"


def database_clock_plus(seconds: int) -> Any:
    """The database's now plus some seconds, as an expression."""
    interval = models.Value(datetime.timedelta(seconds=seconds), output_field=models.DurationField())
    return models.ExpressionWrapper(Now() + interval, output_field=models.DateTimeField())
