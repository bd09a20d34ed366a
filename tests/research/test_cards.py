"""A card before and after its research, with a run over a small corpus."""

from __future__ import annotations

import pytest

from research.corpus.importing import Record
from research.models import ResearchJob
from research.schemas import Interpretation
from research.tasks import run_research
from tests.helpers.people import Person

pytestmark = pytest.mark.django_db
IDEA = "a recipe manager for families that plans meals and writes the shopping list"


def test_the_run_adds_to_what_was_understood_at_once(ada: Person, corpus: list[Record]) -> None:
    before = ada.client.post("/ideas", {"idea": IDEA}).json()
    run_research(before["research_job_id"])
    job = ResearchJob.objects.get(pk=before["research_job_id"])
    assert job.artifact is not None
    again = ada.client.post("/ideas", {"idea": IDEA}).json()
    assert (again["id"], again["state"]) == (before["id"], "ready")
    assert again["interpretation"] == job.artifact["interpretation"]
    first, later = (Interpretation.model_validate(card["interpretation"]) for card in (before, again))
    assert first.facets == later.facets, "the same words of the same corpus weigh the same"
    assert (before["product_type"], before["target_user"]) == ("recipe manager", "families")
    assert (again["product_type"], again["target_user"]) == ("recipe manager", "families")
    assert (before["category"], again["category"]) == (None, "recipes-and-meal-planning")
    assert first.understanding == 0 < later.understanding
