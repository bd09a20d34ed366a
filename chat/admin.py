"""What staff see of chats: that they are there. What was said is between the user and the assistant."""

from __future__ import annotations

from django.contrib import admin

from accounts.admin.base import ReadOnlyAdmin
from chat.models import ChatMessage, ChatSession


@admin.register(ChatSession)
class ChatSessionAdmin(ReadOnlyAdmin):
    list_display = ("pk", "owner_id", "created_at")
    fields = ("stream", "owner", "created_at")
    search_fields = ("stream", "owner")
    ordering = ("-created_at",)


@admin.register(ChatMessage)
class ChatMessageAdmin(ReadOnlyAdmin):
    list_display = ("pk", "session_id", "role", "about", "created_at")
    list_filter = ("role",)
    fields = ("session", "role", "about", "created_at")
    search_fields = ("id", "session")
    ordering = ("-created_at",)
