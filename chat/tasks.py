"""Jobs of this app."""

from __future__ import annotations

from uuid import UUID

from procrastinate.contrib.django import app

from buildgraphs.models import BuildNode
from chat import cards
from realtime import jobs


@app.task(name="chat.post_forge_ready", retry=jobs.WHEN_DATABASE_FAILS)
def post_forge_ready(node_ids: list[str]) -> None:
    """A job of its own, because a chat's stream must not be locked after a project's."""
    for node in BuildNode.objects.filter(pk__in=[UUID(each) for each in node_ids]).select_related(
        "graph__stream"
    ):
        cards.post(node)
