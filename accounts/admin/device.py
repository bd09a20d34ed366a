from __future__ import annotations

from django.contrib import admin

from accounts.admin.base import ReadOnlyAdmin
from accounts.models import Device


@admin.register(Device)
class DeviceAdmin(ReadOnlyAdmin):
    """Not searchable by device id: it is a password, and a search stands in URLs and logs."""

    list_display = ("id", "principal_id", "rebound_to_id", "created_at")
    fields = ("principal", "rebound_to", "created_at")
    search_fields = ("id", "principal", "rebound_to")
    search_help_text = "A device's number, or the whole id of a principal."
    ordering = ("-id",)
