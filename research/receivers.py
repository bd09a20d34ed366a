"""Reactions to what other apps report."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.dispatch import receiver

from accounts import credits
from manticscore import errors
from realtime.models import Stream
from realtime.signals import stream_failed

# Failures that are not the user's. An idea that is empty, or so vague that nothing is found, is.
REFUNDED = {errors.InternalError.code, errors.WorkerCrashed.code, errors.BudgetExceeded.code}


@receiver(stream_failed)
def give_credits_back(sender: Any, stream_id: UUID, code: str, **rest: Any) -> None:
    if code in REFUNDED or (code == errors.Cancelled.code and not has_started(stream_id)):
        credits.refund(entity_id=stream_id, reason=code)


def has_started(stream_id: UUID) -> bool:
    """Whether any stage of the run began."""
    return Stream.objects.filter(id=stream_id).exclude(stage="").exists()
