from __future__ import annotations

from django.contrib import admin

from accounts.admin.base import ReadOnlyAdmin
from accounts.models import Profile, PushToken


@admin.register(Profile)
class ProfileAdmin(ReadOnlyAdmin):
    list_display = ("owner_id", "name", "email", "plan", "credits_total", "created_at")
    list_filter = ("plan",)
    fields = ("owner", "name", "email", "plan", "credits_total", "muted_notifications", "created_at")
    search_fields = ("owner",)
    ordering = ("-created_at",)


@admin.register(PushToken)
class PushTokenAdmin(ReadOnlyAdmin):
    """Without the token itself, with which anybody could send to the device."""

    list_display = ("id", "owner_id", "environment", "created_at")
    list_filter = ("environment",)
    fields = ("owner", "environment", "created_at")
    search_fields = ("owner",)
    ordering = ("-id",)
