"""manage.py recheck_evidence"""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.core.management import call_command
from django.utils import timezone

from manticscore.clients.fetch import fetcher as fetching
from tests import factories
from tests.helpers import sites
from tests.helpers.sites import answer

pytestmark = pytest.mark.django_db
QUOTE = "Mealie plans the meals of the whole week for families."


def run(*arguments: str) -> list[str]:
    said = io.StringIO()
    call_command("recheck_evidence", *arguments, stdout=said)
    return said.getvalue().splitlines()


def test_pages_are_visited_and_verdicts_told(settings: LazySettings) -> None:
    fetching.KNOWN_ROBOTS.clear()
    with sites.site() as site:
        settings.FETCH_ALLOW_PRIVATE = [f"127.0.0.1:{site.port}"]
        url = f"http://127.0.0.1:{site.port}/"
        site.pages["/"] = answer(f"<body><main><p>{QUOTE}</p><p>{'It is free. ' * 9}</p></main></body>")
        source = factories.source(
            text=QUOTE, url=url, retrieved=True, fetched_at=timezone.now() - timedelta(days=40)
        )
        factories.evidence(factories.research_job(), source)
        features = factories.evidence(factories.feature_research_job(), source)
        assert run("--older-than", "50", "--dry-run") == ["0 pages would be visited."]
        assert run("--dry-run") == ["1 pages would be visited."]
        assert site.requests == []
        assert run("--limit", "0")[-1].startswith("0 pages visited")
        assert run() == [
            f"{url}: 2 still there",
            "1 pages visited; quotes: 2 still there, 0 changed, 0 gone, 0 unreachable.",
        ]
        assert run()[-1].startswith("0 pages visited"), "it was looked at a moment ago"
        features.refresh_from_db()
        assert features.verdict == "still there"
