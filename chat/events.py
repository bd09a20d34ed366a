"""Events of chat sessions."""

from __future__ import annotations

from typing import Any, ClassVar

from realtime.events import EventData


class ForgeReadyCard(EventData):
    """A piece of work that a coding agent can begin with (spec: websocket, auto-progression events)."""

    type: ClassVar[str] = "card.forge_ready"
    message_id: str
    session_id: str
    project_id: str
    graph_id: str
    node_id: str
    node_key: str
    name: str
    description: str
    risk: str
    effort: str
    confidence: str
    actions: list[dict[str, Any]]
