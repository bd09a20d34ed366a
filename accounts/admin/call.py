from __future__ import annotations

from django.contrib import admin

from accounts.admin.base import ReadOnlyAdmin
from accounts.models import ModelCall


@admin.register(ModelCall)
class ModelCallAdmin(ReadOnlyAdmin):
    """What was paid for; what was said is the owner's."""

    list_display = ("id", "owner_id", "stage", "model", "outcome", "tokens_in", "tokens_out", "micro_usd")
    list_filter = ("outcome", "own_key")
    fields = (
        "owner",
        "stream_id",
        "stage",
        "model",
        "own_key",
        "outcome",
        "tokens_in",
        "tokens_out",
        "micro_usd",
        "duration_ms",
        "period",
        "created_at",
        "settled_at",
    )
    search_fields = ("owner", "stream_id")
    ordering = ("-id",)
