"""Who owns things (Principal), how they prove it (Session), and the base of everything owned."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models.functions import Now

ANONYMOUS_PREFIX = "anon:"


class User(AbstractUser):
    """A member of staff who uses the admin. Not a client of the API: those are principals."""


class Principal(models.Model):
    """Owner of rows: a signed-in user (`user_...`) or an anonymous device (`anon:<uuid>`)."""

    id = models.TextField(primary_key=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            # A foreign identity provider must never be able to name one of our anonymous principals.
            models.CheckConstraint(
                name="principal_id_is_user_or_anonymous",
                condition=models.Q(id__regex=r"^user_[A-Za-z0-9_-]{1,128}$")
                | models.Q(id__regex=r"^anon:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"),
            )
        ]

    def __str__(self) -> str:
        return self.id

    @classmethod
    def new_anonymous(cls) -> Principal:
        return cls.objects.create(id=f"{ANONYMOUS_PREFIX}{uuid.uuid4()}")

    @property
    def is_anonymous_device(self) -> bool:
        return self.id.startswith(ANONYMOUS_PREFIX)

    @property
    def is_authenticated(self) -> bool:
        """What DRF's IsAuthenticated asks; every principal has shown a valid token."""
        return True


class OwnedModel(models.Model):
    """Base of every table whose rows belong to somebody."""

    owner = models.ForeignKey(Principal, on_delete=models.CASCADE, related_name="+")

    class Meta:
        abstract = True


class Device(models.Model):
    """A device that used the API without signing in, known by an HMAC of its id only."""

    digest = models.BinaryField(unique=True, max_length=32)
    principal = models.ForeignKey(Principal, on_delete=models.CASCADE, related_name="devices")
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"device of {self.principal_id}"


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


def seconds(value: int) -> models.Value:
    """An interval for arithmetic with the database's clock."""
    import datetime

    return models.Value(datetime.timedelta(seconds=value), output_field=models.DurationField())


def database_clock_plus(value: int) -> Any:
    """The database's now plus `value` seconds, as an expression."""
    return models.ExpressionWrapper(Now() + seconds(value), output_field=models.DateTimeField())
