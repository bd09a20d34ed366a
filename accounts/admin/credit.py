from __future__ import annotations

from django.contrib import admin

from accounts.admin.base import ReadOnlyAdmin
from accounts.models import LedgerEntry, UsagePeriod


@admin.register(UsagePeriod)
class UsagePeriodAdmin(ReadOnlyAdmin):
    list_display = ("id", "owner_id", "key", "credits", "questions", "tts_seconds")
    fields = ("owner", "key", "credits", "questions", "tts_seconds")
    search_fields = ("owner",)
    ordering = ("-id",)


@admin.register(LedgerEntry)
class LedgerEntryAdmin(ReadOnlyAdmin):
    list_display = ("id", "owner_id", "kind", "action", "amount", "period", "created_at")
    list_filter = ("kind",)
    fields = ("owner", "kind", "action", "amount", "period", "entity_id", "note", "created_at")
    search_fields = ("owner", "entity_id")
    ordering = ("-id",)
