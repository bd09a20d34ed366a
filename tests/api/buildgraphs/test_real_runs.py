"""Plans of what real research over a real corpus found.

The corpus is a file beside the repository; without it there is nothing to research.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from buildgraphs import findings, gathering
from manticscore.lib.ideas import key
from realtime import runs
from research.corpus import importing, indexing
from research.models import ResearchJob
from research.pipeline import market
from tests import factories
from tests.helpers.fitting import without_background
from tests.unit.buildgraphs.plans import assert_sound

__all__ = ["without_background"]
CORPUS = Path(__file__).resolve().parents[4] / "shared" / "data" / "selfhosted.jsonl"
IDEAS = (
    "a recipe manager for families that plans meals and writes the shopping list",
    "privacy-friendly web analytics for small shops",
    "a password manager for families with shared vaults",
    "a photo library with face recognition and shared albums",
    "a bookmark manager that archives pages and finds them by full-text search",
    "time tracking for freelancers that writes invoices",
    "a personal finance tracker with budgets and bank import",
    "a calendar and contacts server that syncs with phones",
    "a status page with uptime monitoring and alerts",
    "a wiki for teams with permissions and version history",
    "a podcast server that downloads episodes and streams them",
    "an e-book library with reading progress and metadata import",
    "a helpdesk with email tickets and a knowledge base",
    "a kanban board for small teams with live updates",
    "an RSS reader with filters and offline reading",
    "a booking system for appointments with reminders",
    "a survey tool with conditional questions and reports",
    "file sharing by one-time links with a password",
    "a home inventory with photos, labels and warranty dates",
    "a chat server with rooms, file upload and bridges to other networks",
)


@pytest.mark.timeout(600)
@pytest.mark.django_db
@pytest.mark.usefixtures("without_background")
@pytest.mark.skipif(not CORPUS.exists(), reason=f"there is no corpus at {CORPUS}")
def test_every_plan_of_twenty_researches_is_sound() -> None:
    read = [record for _, record in importing.read(CORPUS) if isinstance(record, importing.Record)]
    importing.store("selfhosted", read)
    indexing.index()
    planned = 0
    for idea in IDEAS:
        job = researched(idea)
        chosen = gathering.ready_features(job, None, None)
        plan = findings.material(idea, chosen, [(str(job.pk), job.artifact or {})], [])
        assert len(plan.features) == len({key(row["label"]) for row in chosen}) > 0, idea
        nodes = assert_sound(plan)
        quoted = [node for node in nodes if node.evidence_ids]
        assert quoted, "what competitors state has become criteria"
        planned += len(nodes)
    assert planned > len(IDEAS) * 10


def researched(idea: str) -> ResearchJob:
    job = factories.research_job(idea=idea)
    runs.execute(job.pk, market.pipeline(), partial(market.context, job))
    job.refresh_from_db()
    assert job.stream.status != "failed"
    return job
