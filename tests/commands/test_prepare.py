"""manage.py prepare"""

from __future__ import annotations

import io

import pytest
from django.core.management import call_command

from research.corpus import catalogue
from research.models import CorpusState, Source

pytestmark = pytest.mark.django_db


def run() -> list[str]:
    said = io.StringIO()
    call_command("prepare", stdout=said)
    return said.getvalue().splitlines()


def test_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    some = catalogue.records()[::40]
    monkeypatch.setattr(catalogue, "records", lambda: some)
    steps = ["== Migrating the database", "== Loading the seed catalogue"]
    assert run() == [*steps, f"{len(some)} sources loaded."]
    revision = CorpusState.objects.get().revision
    assert run() == [*steps, "The seed catalogue is up to date."]
    assert CorpusState.objects.get().revision == revision
    assert Source.objects.count() == len(some)
