"""Cards: messages that offer an action."""

from __future__ import annotations

import uuid
from typing import Any

from django.db import transaction

from buildgraphs.models import BuildNode
from chat.events import ForgeReadyCard
from chat.models import ChatMessage, ChatSession
from realtime import publish
from realtime.models import Stream

SHIP_IT = "Ship it"


@transaction.atomic
def post(node: BuildNode) -> ChatMessage | None:
    """Offer to build a node in the newest chat session of its project, once.

    None where the project has no open session, or the session the card.
    """
    project_id = node.graph.stream.project_id
    session = ChatSession.objects.newest_of(project_id) if project_id else None
    stream = locked(session) if session else None
    if session is None or stream is None or session.messages.filter(about=node.pk).exists():
        return None
    message_id = uuid.uuid4()
    card = forge_ready(node, message_id, session)
    publish.append(stream.pk, stream.attempt, [card])
    return ChatMessage.objects.create(
        id=message_id,
        session=session,
        role=ChatMessage.Role.CARD,
        text=f"{node.name} is ready to be built.",
        card=card.model_dump(),
        about=node.pk,
    )


def locked(session: ChatSession) -> Stream | None:
    """The session's stream while it is open; it stays so until the transaction ends."""
    return Stream.objects.open().filter(pk=session.pk).select_for_update(no_key=True).first()


def forge_ready(node: BuildNode, message_id: uuid.UUID, session: ChatSession) -> ForgeReadyCard:
    arguments: dict[str, Any] = {"node_id": str(node.pk), "graph_id": str(node.graph_id)}
    return ForgeReadyCard(
        message_id=str(message_id),
        session_id=str(session.pk),
        project_id=str(node.graph.stream.project_id),
        graph_id=str(node.graph_id),
        node_id=str(node.pk),
        node_key=node.node_key,
        name=node.name,
        description=node.description,
        risk=node.risk,
        effort=node.effort or "",
        confidence=node.confidence or "",
        actions=[{"label": SHIP_IT, "tool": "start_implementation", "args": arguments}],
    )
