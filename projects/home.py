"""A project's screen in one answer, and from where to follow what happens next.

What the apps above know of a project they give as sections, one query each; the rest is read from the
headers of the project's streams, of whatever channel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from django.db.models import OuterRef, Subquery

from manticscore import errors
from projects.models import Project
from realtime.models import Stream
from realtime.topics import Channel

SHOWN = 10  # of each channel, the newest; unfinished work is shown in any case

# Channel by the key under which its latest streams stand.
LISTS = {
    "researches": Channel.RESEARCH,
    "feature_researches": Channel.FEATURE_RESEARCH,
    "graphs": Channel.BUILD,
    "briefs": Channel.BRIEF,
    "runs": Channel.FORGE,
    "chats": Channel.CHAT,
    "implementations": Channel.IMPLEMENT,
}

STREAMS = """
    SELECT * FROM (
        SELECT *, row_number() OVER (PARTITION BY channel ORDER BY created_at DESC, id) AS age
        FROM realtime_stream WHERE project_id = %(project)s AND channel <> 'project'
    ) s
    WHERE age <= %(shown)s OR closed_seq IS NULL
    ORDER BY channel, age
"""

# Key in the answer -> what an app above says about the project under it, in one query.
sections: dict[str, Callable[[Project], Any]] = {}


def home(owner_id: str, project_id: UUID) -> dict[str, Any]:
    """Everything a screen of the project shows. Raises NotFound.

    The position in the project's stream is read first. What happens while the rest is read may so be
    both in the answer and in the events after `ws.last_event_seq`, but never in neither.
    """
    project, last_seq = with_position(owner_id, project_id)
    streams = list(Stream.objects.raw(STREAMS, {"project": project.pk, "shown": SHOWN}))
    return {
        "project": project,
        **{key: [listed(s) for s in newest(streams, channel)] for key, channel in LISTS.items()},
        "in_flight": [in_flight(stream) for stream in streams if not stream.is_closed],
        **{name: section(project) for name, section in sections.items()},
        "ws": {"entity_id": str(project.pk), "channel": Channel.PROJECT.value, "last_event_seq": last_seq},
    }


def with_position(owner_id: str, project_id: UUID) -> tuple[Project, int]:
    head = Stream.objects.filter(pk=OuterRef("pk")).values("last_seq")
    found = Project.objects.owned_by(owner_id).filter(pk=project_id).annotate(last_seq=Subquery(head)).first()
    if found is None:
        raise errors.NotFound()
    return found, found.last_seq or 0  # type: ignore[attr-defined]


def newest(streams: Sequence[Stream], channel: Channel) -> list[Stream]:
    return [stream for stream in streams if stream.channel == channel][:SHOWN]


def listed(stream: Stream) -> dict[str, Any]:
    """A finished or running piece of work in a list."""
    return {
        "entity_id": str(stream.pk),
        "title": stream.title,
        "status": stream.status,
        "stage": stream.stage or None,
        "last_event_seq": stream.last_seq,
        "created_at": stream.created_at.isoformat(),
        "updated_at": stream.updated_at.isoformat(),
    }


def in_flight(stream: Stream) -> dict[str, Any]:
    """As in the WebSocket's `catchup` (spec: websocket)."""
    return {
        "entity_id": str(stream.pk),
        "channel": stream.channel,
        "status": stream.status,
        "stage": stream.stage or None,
        "last_event_seq": stream.last_seq,
        "project_id": str(stream.project_id),
        "title": stream.title,
    }
