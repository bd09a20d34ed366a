"""What a client that connects should know of its work: what is in flight, and what ended lately."""

from __future__ import annotations

from typing import Any

from realtime.batching import Question
from realtime.events import frame
from realtime.hub import Hub

IN_FLIGHT = 50  # newest first
COMPLETED = 20

COLUMNS = "id, channel, status, stage, last_seq, project_id, title"
WORK = Question(
    f"""SELECT want.n, work.* FROM want CROSS JOIN LATERAL (
            (SELECT true AS open, {COLUMNS}, created_at AS at FROM realtime_stream
             WHERE owner_id = want.principal_id AND closed_seq IS NULL AND channel <> 'project'
             ORDER BY created_at DESC LIMIT {IN_FLIGHT})
            UNION ALL
            (SELECT false, {COLUMNS}, closed_at FROM realtime_stream
             WHERE owner_id = want.principal_id AND closed_seq IS NOT NULL
               AND closed_at > now() - interval '24 hours'
             ORDER BY closed_at DESC LIMIT {COMPLETED})
        ) AS work ORDER BY work.at DESC""",
    {"principal_id": "text"},
)


async def catchup(hub: Hub, principal_id: str) -> list[bytes]:
    """The `catchup` frame (spec: websocket); none when there is nothing to say."""
    rows = await hub.batches.ask(WORK, principal_id=principal_id)
    if not rows:
        return []
    in_flight = [running(*row[1:]) for row in rows if row[0]]
    completed = [ended(*row[1:]) for row in rows if not row[0]]
    return [frame("catchup", {"in_flight": in_flight, "completed": completed})]


def running(
    entity_id: Any, channel: str, status: str, stage: str, last_seq: int, project_id: Any, *_: Any
) -> dict[str, Any]:
    return {
        "entity_id": str(entity_id),
        "channel": channel,
        "status": status,
        "stage": stage,
        "last_event_seq": last_seq,
        "project_id": text(project_id),
    }


def ended(
    entity_id: Any, channel: str, status: str, stage: str, last_seq: int, project_id: Any, title: str, *_: Any
) -> dict[str, Any]:
    return {
        "entity_id": str(entity_id),
        "channel": channel,
        "project_id": text(project_id),
        "title": title,
    }


def text(value: Any) -> str | None:
    return None if value is None else str(value)
