"""Who owns things, and the base of everything owned."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models.functions import Now

ANONYMOUS_PREFIX = "anon:"


class Principal(models.Model):
    """Owner of rows: a signed-in user (`user_...`) or an anonymous device (`anon:<uuid>`).

    `rebound_to` is set once, when an anonymous principal's rows are given to a user. From then on the
    database itself gives that user whatever is still written in the old name; see accounts/ownership.py.
    """

    id = models.TextField(primary_key=True)
    rebound_to = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            # A foreign identity provider must never be able to name one of our anonymous principals.
            models.CheckConstraint(
                name="principal_id_is_user_or_anonymous",
                condition=models.Q(id__regex=r"^user_[A-Za-z0-9_-]{1,128}$")
                | models.Q(id__regex=r"^anon:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"),
            ),
            models.CheckConstraint(
                name="principal_only_anonymous_rebound",
                condition=models.Q(rebound_to=None) | models.Q(id__startswith=ANONYMOUS_PREFIX),
            ),
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
    """Base of every table whose rows belong to somebody.

    A table whose unique constraints name the owner says in `merge` what happens when an anonymous
    principal's row meets one of the user's that it would collide with.
    """

    owner = models.ForeignKey(Principal, on_delete=models.CASCADE, related_name="+")

    class Meta:
        abstract = True

    @classmethod
    def merge(cls, source_id: str, target_id: str) -> None:
        """Settle collisions before rows of `source_id` move to `target_id`. By default there are none."""
