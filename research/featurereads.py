"""The GET of feature research that clients poll, as one statement (realtime.access.read)."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from realtime.access import question

STATUS = question(
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
    """The answer that serializers.feature_research.status makes of a model."""
    job_id, status, stage, attempt, last_seq, created_at, updated_at, position = row
    return {
        "job_id": str(job_id),
        "status": status,
        "position": position,
        "stage": stage or None,
        "attempt": attempt,
        "last_event_seq": last_seq,
        "created_at": created_at.astimezone(UTC).isoformat(),
        "updated_at": updated_at.astimezone(UTC).isoformat(),
    }
