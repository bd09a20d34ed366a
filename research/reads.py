"""GETs that clients poll, as one statement each (realtime.access.read)."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from realtime.access import question

STATUS = question(
    """
    SELECT s.id, s.status, s.stage, s.attempt, s.last_seq, s.updated_at, job.quality_score, job.created_at,
           job.is_waiting AND s.status = 'queued',
           CASE WHEN s.status = 'queued' THEN (
               SELECT count(*)
               FROM realtime_stream ahead JOIN research_researchjob other ON other.stream_id = ahead.id
               WHERE ahead.closed_seq IS NULL AND ahead.channel = s.channel AND ahead.status = 'queued'
                 AND ahead.created_at < s.created_at
                 AND (NOT other.is_waiting OR other.owner_id = job.owner_id)
           ) ELSE 0 END
    FROM research_researchjob job JOIN realtime_stream s ON s.id = job.stream_id
    WHERE job.stream_id = want.job_id AND job.owner_id = caller.principal_id
    """,
    job_id="uuid",
)


def status(row: list[Any]) -> dict[str, Any]:
    """The answer that serializers.research.status makes of a model."""
    job_id, status, stage, attempt, last_seq, updated_at, quality_score, created_at, waiting, position = row
    return {
        "job_id": str(job_id),
        "status": status,
        "position": position,
        "waiting": waiting,
        "stage": stage or None,
        "attempt": attempt,
        "last_event_seq": last_seq,
        "quality_score": quality_score,
        "created_at": created_at.astimezone(UTC).isoformat(),
        "updated_at": updated_at.astimezone(UTC).isoformat(),
    }


# The research behind a card, for following it.
RESEARCH_OF_CARD = question(
    """SELECT card.research_id FROM research_card card
       WHERE card.id = want.card_id AND card.owner_id = caller.principal_id""",
    card_id="uuid",
)
