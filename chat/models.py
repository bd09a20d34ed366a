"""Chat sessions and what was said in them."""

from __future__ import annotations

import uuid
from typing import Any

from django.db import models
from django.db.models.functions import Now

from accounts.models import OwnedModel
from realtime.models import Stream


class ChatSessionQuerySet(models.QuerySet["ChatSession"]):
    def newest_of(self, project_id: uuid.UUID) -> ChatSession | None:
        """The project's session in which something was said last."""
        of_project = self.filter(stream__project_id=project_id, stream__closed_seq=None)
        return of_project.order_by("-stream__updated_at", "pk").first()


class ChatSession(OwnedModel):
    """A conversation. Its project, status and times are its stream's."""

    stream = models.OneToOneField(Stream, on_delete=models.CASCADE, primary_key=True)
    created_at = models.DateTimeField(db_default=Now())

    objects = ChatSessionQuerySet.as_manager()

    def __str__(self) -> str:
        return str(self.pk)


class ChatMessage(models.Model):
    """Something said. A card is a message that offers an action; `about` is the one thing it stands for."""

    class Role(models.TextChoices):
        USER = "user"
        ASSISTANT = "assistant"
        CARD = "card"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    session = models.ForeignKey(ChatSession, on_delete=models.CASCADE, related_name="messages")
    role = models.CharField(max_length=10, choices=Role.choices)
    text = models.TextField(blank=True, default="")
    card: models.JSONField[Any, Any] = models.JSONField(null=True, blank=True)
    about = models.UUIDField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["session", "about"],
                condition=models.Q(about__isnull=False),
                name="chat_card_once_per_session",
            )
        ]
        indexes = [models.Index(fields=["session", "created_at"], name="chat_message_in_order")]

    def __str__(self) -> str:
        return f"{self.role} {self.id}"
