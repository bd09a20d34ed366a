"""Which failures of a run give its credits back."""

from __future__ import annotations

from uuid import UUID

from accounts import credits
from manticscore import errors
from realtime.models import Stream

# Failures that are not the user's. An idea that is empty, or so vague that nothing is found, is.
REFUNDED = {
    errors.InternalError.code,
    errors.WorkerCrashed.code,
    errors.BudgetExceeded.code,
    errors.ModelEmptyDespiteEvidence.code,
}


def give_back(stream_id: UUID, code: str, charged: UUID | None = None) -> None:
    """What a run that failed was charged as; the stream's id unless `charged` says another."""
    if code in REFUNDED or (code == errors.Cancelled.code and not has_started(stream_id)):
        credits.refund(entity_id=charged or stream_id, reason=code)


def has_started(stream_id: UUID) -> bool:
    """Whether any stage began, in this run or in one before it."""
    return Stream.objects.filter(id=stream_id).exclude(stage="").exists()
