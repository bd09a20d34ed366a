from __future__ import annotations

from django.contrib import admin

from accounts.admin.base import ReadOnlyAdmin
from accounts.models import Secret


@admin.register(Secret)
class SecretAdmin(ReadOnlyAdmin):
    """That there is one, and since when. Not even its masked form: that is for its owner."""

    list_display = ("id", "owner_id", "kind", "updated_at")
    list_filter = ("kind",)
    fields = ("owner", "kind", "updated_at")
    search_fields = ("owner",)
    ordering = ("-id",)
