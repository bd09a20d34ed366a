"""manage.py prune_caches"""

from __future__ import annotations

import io
import uuid
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from accounts.models import ModelCall
from research.corpus import importing, indexing
from research.models import CorpusState, Evidence, Source, Term
from tests import factories

pytestmark = pytest.mark.django_db
NOW = timezone.now()


def run(*arguments: str) -> str:
    said = io.StringIO()
    call_command("prune_caches", *arguments, stdout=said)
    return said.getvalue().strip()


def read_page(key: str, days: int, origin: str = "live") -> Source:
    record = importing.Record(
        key, key.title(), f"https://{key}.example/", f"{key} keeps recipes.", retrieved=True
    )
    importing.store(origin, [record])
    Source.objects.filter(key=key).update(fetched_at=NOW - timedelta(days=days))
    return Source.objects.get(key=key)


def test_old_pages_that_nobody_quotes_go() -> None:
    for key, days, origin in [("zebra", 91, "live"), ("young", 89, "live"), ("imported", 400, "own")]:
        read_page(key, days, origin)
    quoted, job = read_page("quoted", 400), factories.research_job()
    Evidence.objects.create(
        owner=job.owner, job=job, key=uuid.uuid4(), source=quoted, quote="quoted", start=0, end=6, weight=0.5
    )
    indexing.index()
    assert Term.objects.filter(stem="zebra").exists()
    assert run("--dry-run") == "1 pages would be deleted, 0 replies forgotten."
    assert Source.objects.count() == 4
    assert run() == "1 pages deleted, 0 replies forgotten."
    assert set(Source.objects.values_list("key", flat=True)) == {"young", "imported", "quoted"}
    assert CorpusState.objects.get().sources == 3
    assert not Term.objects.filter(stem="zebra").exists(), "the statistics know"
    assert run("--older-than", "30").startswith("1 pages deleted")
    assert run("--older-than", "30").startswith("0 pages deleted")


def call(stream_id: uuid.UUID, owner_id: str, days: int, **values: object) -> ModelCall:
    made = ModelCall.objects.create(
        owner_id=owner_id, stream_id=stream_id, stage="judge", fingerprint=f"{uuid.uuid4().hex}", model="m",
        own_key=False, reply={"text": "said"}, tokens_in=7, tokens_out=3, micro_usd=42, period="2026-01",
        **{"settled_at": NOW, **values},
    )  # fmt: skip
    ModelCall.objects.filter(pk=made.pk).update(created_at=NOW - timedelta(days=days))
    return made


def test_replies_to_runs_that_are_over_are_forgotten_and_their_cost_is_not() -> None:
    over, going = factories.stream(closed_seq=1), factories.stream()
    old = call(over.pk, over.owner_id, 91)
    kept = [call(over.pk, over.owner_id, 89), call(going.pk, going.owner_id, 91)]
    kept.append(call(over.pk, over.owner_id, 91, settled_at=None))
    assert run("--dry-run") == "0 pages would be deleted, 1 replies forgotten."
    assert run() == "0 pages deleted, 1 replies forgotten."
    old.refresh_from_db()
    assert (old.fingerprint, old.reply, old.micro_usd) == ("", None, 42)
    assert ModelCall.objects.filter(pk__in=[each.pk for each in kept]).exclude(reply=None).count() == 3
