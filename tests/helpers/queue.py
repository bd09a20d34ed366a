"""The job queue between tests: its tables are not Django's models, so Django does not empty them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection


def commits(request: pytest.FixtureRequest) -> bool:
    """Whether the test's rows are committed, so that they stay when it is over."""
    marks = request.node.iter_markers("django_db")
    return "transactional_db" in request.fixturenames or any(mark.kwargs.get("transaction") for mark in marks)


@pytest.fixture(autouse=True)
def empty_queue(request: pytest.FixtureRequest) -> Iterator[None]:
    """What a test that commits has enqueued is gone before the next one looks."""
    if not commits(request):
        yield
        return
    request.getfixturevalue("transactional_db")
    yield
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")
        cursor.execute("DELETE FROM procrastinate_workers")
