from __future__ import annotations

from django.contrib import admin

from accounts import ownership
from accounts.admin.base import ReadOnlyAdmin, table
from accounts.models import Principal


@admin.register(Principal)
class PrincipalAdmin(ReadOnlyAdmin):
    list_display = ("id", "rebound_to_id", "created_at")
    fields = ("id", "rebound_to", "created_at", "rows")
    readonly_fields = ("rows",)
    search_fields = ("id", "rebound_to")
    ordering = ("-created_at",)

    @admin.display(description="Rows owned")
    def rows(self, principal: Principal) -> str:
        found = ownership.counts([principal.id])
        return table(("Table", "Rows"), [(label, of[principal.id]) for label, of in found.items()])
