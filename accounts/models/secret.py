"""Keys that users entrust to us."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from accounts.models.principal import OwnedModel


class Secret(OwnedModel):
    """A third-party key, encrypted; `hint` is the masked form that may be shown.

    On a rebind the user's own secret of a kind wins over the anonymous one.
    """

    class Kind(models.TextChoices):
        GITHUB_PAT = "github_pat"
        ANTHROPIC_API_KEY = "anthropic_api_key"
        OPENAI_API_KEY = "openai_api_key"

    kind = models.CharField(max_length=20, choices=Kind.choices)
    ciphertext = models.BinaryField()
    hint = models.CharField(max_length=20)
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["owner", "kind"], name="secret_once_per_kind")]

    def __str__(self) -> str:
        return f"{self.kind} of {self.owner_id}"

    def __repr__(self) -> str:
        return f"<Secret {self.pk}>"

    @classmethod
    def merge(cls, source_id: str, target_id: str) -> None:
        kept = cls.objects.filter(owner_id=target_id).values("kind")
        cls.objects.filter(owner_id=source_id, kind__in=kept).delete()
