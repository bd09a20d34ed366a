"""Jobs of this app."""

from __future__ import annotations

from uuid import UUID

from django.db import InterfaceError, OperationalError
from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from manticscore.clients.embedding_service import ServiceUnavailable
from projects import indexing

# A service that stays away longer leaves the rest to `manage.py reembed`.
WHEN_AWAY = RetryStrategy(
    max_attempts=6,
    exponential_wait=4,
    retry_exceptions=(ServiceUnavailable, OperationalError, InterfaceError),
)


@app.task(name="projects.embed_idea", retry=WHEN_AWAY)
def embed_idea(idea_id: str) -> None:
    indexing.embed_one(UUID(idea_id))
