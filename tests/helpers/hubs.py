"""Routes that read over the event hub, in tests whose rows are never committed."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connection

from realtime import hub as hubs
from realtime.batching import Batches
from tests.helpers.queue import commits


class TransactionHub:
    """Reads where the test writes: on Django's connection, inside the test's transaction."""

    def __init__(self) -> None:
        self.batches = Batches(self.fetch)

    async def fetch(self, query: str, parameters: Any) -> list[tuple[Any, ...]]:
        return await sync_to_async(fetch)(query, parameters)


def fetch(query: str, parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return list(cursor.fetchall())


@pytest.fixture(autouse=True)
def hub_in_transaction(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """For every test that uses `db` and nothing that commits."""
    if commits(request):
        return
    if "db" in request.fixturenames or request.node.get_closest_marker("django_db"):

        async def current() -> TransactionHub:
            return TransactionHub()

        monkeypatch.setattr(hubs, "current", current)
