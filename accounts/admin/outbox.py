from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts import outbox
from accounts.admin.base import ReadOnlyAdmin
from accounts.models import OutboxMessage


@admin.register(OutboxMessage)
class OutboxMessageAdmin(ReadOnlyAdmin):
    list_display = ("id", "kind", "owner_id", "state", "tries", "next_try_at", "sent_at", "last_error")
    list_filter = ("state",)
    fields = (
        "id",
        "kind",
        "owner",
        "state",
        "tries",
        "last_error",
        "payload",
        "created_at",
        "next_try_at",
        "sent_at",
    )
    search_fields = ("id", "owner")
    ordering = ("-created_at",)
    actions = ("resend",)

    def has_resend_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounts.change_outboxmessage")

    @admin.action(description="Send dead messages again", permissions=["resend"])
    def resend(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        revived = outbox.revive(queryset)
        passed_over = queryset.count() - revived
        self.message_user(request, f"{revived} dead messages are pending again.", messages.SUCCESS)
        if passed_over:
            text = f"{passed_over} were not dead and stay as they are."
            self.message_user(request, text, messages.WARNING)
