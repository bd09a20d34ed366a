from __future__ import annotations

from django.contrib import admin

from accounts.admin.base import ReadOnlyAdmin
from accounts.models import IdempotencyKey


@admin.register(IdempotencyKey)
class IdempotencyKeyAdmin(ReadOnlyAdmin):
    """Without the key and the answer: both are between the client and its requests."""

    list_display = ("id", "owner_id", "route", "status", "created_at")
    fields = ("owner", "route", "status", "created_at")
    search_fields = ("owner",)
    ordering = ("-id",)
