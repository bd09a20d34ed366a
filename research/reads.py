"""GETs that clients poll, as one statement each (realtime.access.read)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from realtime.access import question
from realtime.models import Stream


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is, of whichever kind of research; its fields in the order of the statements' columns."""

    job_id: UUID
    status: str
    stage: str
    attempt: int
    last_seq: int
    created_at: datetime
    updated_at: datetime
    position: int

    @classmethod
    def of(cls, stream: Stream, position: int) -> Progress:
        return cls(
            stream.pk,
            stream.status,
            stream.stage,
            stream.attempt,
            stream.last_seq,
            stream.created_at,
            stream.updated_at,
            position,
        )

    def told(self) -> dict[str, Any]:
        """What is light enough to poll."""
        return {
            "job_id": str(self.job_id),
            "status": self.status,
            "position": self.position,
            "stage": self.stage or None,
            "attempt": self.attempt,
            "last_event_seq": self.last_seq,
            "created_at": self.created_at.astimezone(UTC).isoformat(),
            "updated_at": self.updated_at.astimezone(UTC).isoformat(),
        }


STATUS = question(
    """
    SELECT s.id, s.status, s.stage, s.attempt, s.last_seq, s.created_at, s.updated_at,
           CASE WHEN s.status = 'queued' THEN (
               SELECT count(*)
               FROM realtime_stream ahead JOIN research_researchjob other ON other.stream_id = ahead.id
               WHERE ahead.closed_seq IS NULL AND ahead.channel = s.channel AND ahead.status = 'queued'
                 AND ahead.created_at < s.created_at
                 AND (NOT other.is_waiting OR other.owner_id = job.owner_id)
           ) ELSE 0 END,
           job.is_waiting AND s.status = 'queued', job.quality_score
    FROM research_researchjob job JOIN realtime_stream s ON s.id = job.stream_id
    WHERE job.stream_id = want.job_id AND job.owner_id = caller.principal_id
    """,
    job_id="uuid",
)
FEATURE_STATUS = question(
    """
    SELECT s.id, s.status, s.stage, s.attempt, s.last_seq, s.created_at, s.updated_at,
           CASE WHEN s.status = 'queued' THEN (
               SELECT count(*) FROM realtime_stream ahead
               WHERE ahead.closed_seq IS NULL AND ahead.channel = s.channel AND ahead.status = 'queued'
                 AND ahead.created_at < s.created_at
           ) ELSE 0 END
    FROM research_featureresearchjob job JOIN realtime_stream s ON s.id = job.stream_id
    WHERE job.stream_id = want.job_id AND job.owner_id = caller.principal_id
    """,
    job_id="uuid",
)


def status(row: list[Any]) -> dict[str, Any]:
    """The answer to STATUS."""
    *progress, waiting, quality_score = row
    return market(Progress(*progress), waiting=waiting, quality_score=quality_score)


def feature_status(row: list[Any]) -> dict[str, Any]:
    """The answer to FEATURE_STATUS."""
    return Progress(*row).told()


def market(progress: Progress, *, waiting: bool, quality_score: float | None) -> dict[str, Any]:
    return {**progress.told(), "waiting": waiting, "quality_score": quality_score}


# The research behind a card, for following it.
RESEARCH_OF_CARD = question(
    """SELECT card.research_id FROM research_card card
       WHERE card.id = want.card_id AND card.owner_id = caller.principal_id
             AND card.research_id IS NOT NULL""",
    card_id="uuid",
)
