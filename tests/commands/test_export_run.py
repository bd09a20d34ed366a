"""manage.py export_run JOB_ID"""

from __future__ import annotations

import io
import json
import uuid
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from realtime import events, publish
from realtime.models import Stream
from research.models import Evidence, ResearchJob
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def job() -> ResearchJob:
    made = factories.research_job(
        idea="a recipe box for Zoë", artifact={"version": 1}, artifact_hash="ab" * 32
    )
    Stream.objects.filter(pk=made.pk).update(attempt=1)
    told = [events.build("progress", {"stage": "search", "message": "Scanning"})]
    publish.close(made.pk, 1, told, status="completed")
    Evidence.objects.create(
        owner=made.owner, job=made, key=uuid.uuid4(), source=factories.source(), quote="Mealie",
        start=0, end=6, weight=0.5,
    )  # fmt: skip
    return made


def run(*arguments: Any) -> str:
    said = io.StringIO()
    call_command("export_run", *map(str, arguments), stdout=said)
    return said.getvalue()


def test_everything_about_a_run_but_its_owner(job: ResearchJob) -> None:
    text = run(job.pk)
    bundle = json.loads(text)
    assert bundle["format"] == 1
    assert (bundle["run"]["job_id"], bundle["run"]["idea"]) == (str(job.pk), "a recipe box for Zoë")
    assert bundle["run"]["artifact"] == {"version": 1}
    assert [row["quote"] for row in bundle["run"]["evidence"]] == ["Mealie"]
    assert [(row["seq"], row["event"]) for row in bundle["events"]] == [(1, "progress"), (2, "done")]
    assert bundle["events"][0]["data"]["message"] == "Scanning"
    assert job.owner_id not in text


def test_into_a_new_file_only(job: ResearchJob, tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    assert run(job.pk, "--output", path) == f"{path.stat().st_size} bytes written to {path}.\n"
    kept = path.read_bytes()
    assert json.loads(kept)["run"]["job_id"] == str(job.pk)
    with pytest.raises(CommandError, match=r"^Cannot write .*: File exists$"):
        run(job.pk, "--output", path)
    assert path.read_bytes() == kept


def test_a_run_that_is_none() -> None:
    absent = uuid.uuid4()
    with pytest.raises(CommandError, match=f"^There is no research run {absent}$"):
        run(absent)
