"""GET /research/{job_id}/versions, /diff and /research/stats"""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.cache import cache

from accounts import ratelimits
from research.results import statistics
from tests import factories
from tests.helpers.landscapes import feature, finished, gap, landscape, player, quote
from tests.helpers.people import Person

pytestmark = pytest.mark.django_db
IDEA = "a recipe box for families"


def test_versions_are_the_completed_answers_to_the_same_question(ada: Person, mallory: Person) -> None:
    first = finished(ada.principal, idea=IDEA)
    second = finished(ada.principal, idea="A recipe box, for families")
    finished(ada.principal, idea="another box")
    finished(ada.principal, idea=IDEA, mode="feature")
    finished(mallory.principal, idea=IDEA)
    factories.research_job(ada.principal, idea=IDEA)
    body = ada.client.get(f"/research/{first.pk}/versions").json()
    assert [(item["version"], item["job_id"]) for item in body["versions"]] == [
        (2, str(second.pk)),
        (1, str(first.pk)),
    ]
    assert set(body["versions"][0]) == {
        "version", "job_id", "as_of", "quality_score", "artifact_hash", "created_at",
    }  # fmt: skip


def test_diff_of_rows_with_their_quotes(ada: Person) -> None:
    before = finished(
        ada.principal,
        landscape(
            score=60.0,
            emerging=[player("Mealie"), player("Gone")],
            features=[feature("Import"), feature("Print")],
            gaps=[gap("Offline use", opportunity=0.2)],
        ),
    )
    after = finished(
        ada.principal,
        landscape(
            incumbents=[
                player("Mealie", stage="incumbent", evidence=[quote("Mealie leads")]),
                player("Fresh"),
            ],
            features=[feature("Import", score=0.52), feature("Scan")],
            gaps=[gap("Offline use", opportunity=0.8)],
        ),
    )
    body = ada.client.get(f"/research/{after.pk}/diff").json()
    assert (body["job_id"], body["against"]) == (str(after.pk), str(before.pk))
    rows = body["competitors"]
    assert [row["name"] for row in rows["added"]] == ["Fresh"]
    assert [row["name"] for row in rows["dropped"]] == ["Gone"]
    assert rows["dropped"][0]["quotes"][0]["text"] == "Gone plans meals"
    [changed] = rows["changed"]
    assert changed["changes"] == {"stage": {"before": "emerging", "after": "incumbent"}}
    assert [quoted["text"] for quoted in changed["quotes"]] == ["Mealie leads"]
    assert [quoted["text"] for quoted in changed["quotes_before"]] == ["Mealie plans meals"]
    told = {kind: [row["name"] for row in found] for kind, found in body["features"].items()}
    assert told == {"added": ["Scan"], "dropped": ["Print"], "changed": []}, "0.52 is not worth telling"
    assert body["gaps"]["changed"][0]["changes"] == {"opportunity": {"before": 0.2, "after": 0.8}}
    assert body["signals"] == {"added": [], "dropped": [], "changed": []}
    assert body["quality"] == {"before": 60.0, "after": 71.5}


def test_diff_against_a_version_of_ones_choice(ada: Person) -> None:
    first, second, third = (finished(ada.principal) for _ in range(3))
    for job, against in ((third, first), (first, third)):
        body = ada.client.get(f"/research/{job.pk}/diff?against={against.pk}").json()
        assert (body["job_id"], body["against"]) == (str(job.pk), str(against.pk))
    assert ada.client.get(f"/research/{third.pk}/diff").json()["against"] == str(second.pk)


def test_what_there_is_no_diff_of(ada: Person, mallory: Person) -> None:
    job = finished(ada.principal)
    foreign, other = finished(mallory.principal), finished(ada.principal, idea="another box")
    url = f"/research/{job.pk}/diff"
    for against in (job.pk, foreign.pk, other.pk, uuid.uuid4()):
        answer = ada.client.get(f"{url}?against={against}")
        assert (answer.status_code, answer.json()) == (404, {"detail": "Not found"})
    assert ada.client.get(url).status_code == 404, "it is the first"
    assert ada.client.get(f"{url}?against=x").status_code == 422
    waiting = factories.research_job(ada.principal)
    assert ada.client.get(f"/research/{waiting.pk}/diff").status_code == 409


def stats(person: Person) -> Any:
    return person.client.get("/research/stats").json()


def test_statistics_of_nothing(ada: Person) -> None:
    assert stats(ada) == {
        "completed": 0,
        "runs": 0,
        "quality": {"mean": None, "median": None, "min": None, "max": None},
        "distribution": {"below_40": 0, "40_to_70": 0, "from_70": 0},
        "parts": {},
        "evidence_count": 0,
        "dropped_rows": 0,
    }


def test_statistics_count_ones_own_completed_research(ada: Person, mallory: Person) -> None:
    for score in (30.0, 50.0, 70.0, 90.0):
        finished(ada.principal, landscape(score=score))
    finished(mallory.principal, landscape(score=1.0))
    factories.research_job(ada.principal)
    assert stats(ada) == {
        "completed": 4,
        "runs": 4,
        "quality": {"mean": 60.0, "median": 60.0, "min": 30.0, "max": 90.0},
        "distribution": {"below_40": 1, "40_to_70": 1, "from_70": 2},
        "parts": {"grounding": 0.8},
        "evidence_count": 12,
        "dropped_rows": 4,
    }


def test_statistics_are_of_the_newest_runs(ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    for score in (30.0, 50.0, 70.0):
        finished(ada.principal, landscape(score=score))
    monkeypatch.setattr(statistics, "CONSIDERED", 2)
    told = stats(ada)
    assert (told["completed"], told["runs"]) == (3, 2)
    assert (told["quality"]["min"], told["quality"]["max"], told["evidence_count"]) == (50.0, 70.0, 6)


def test_statistics_are_rationed(ada: Person, settings: LazySettings) -> None:
    settings.RATELIMIT_ENABLE = True
    cache.clear()
    for _ in range(ratelimits.RESEARCH_STATS.count):
        ratelimits.check_all([(ratelimits.RESEARCH_STATS, ada.principal.pk)])
    assert ada.client.get("/research/stats").status_code == 429
