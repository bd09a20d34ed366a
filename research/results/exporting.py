"""A run as one document that can be kept, sent and read without this installation."""

from __future__ import annotations

from typing import Any

from realtime.models import Event
from research.models import ResearchJob
from research.serializers import research as shapes

FORMAT = 1


def bundle(job: ResearchJob) -> dict[str, Any]:
    """Everything about a run but its owner."""
    return {"format": FORMAT, "run": shapes.detail(job), "events": events(job)}


def events(job: ResearchJob) -> list[dict[str, Any]]:
    stored = Event.objects.filter(stream_id=job.pk).order_by("seq")
    return [
        {"seq": event.seq, "event": event.type, "at": event.created_at.isoformat(), "data": event.data}
        for event in stored.iterator()
    ]
