"""manage.py requeue_stalled"""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from realtime import jobs
from realtime.models import Stream
from research.tasks import run_research
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


def run(*arguments: str) -> str:
    said = io.StringIO()
    call_command("requeue_stalled", *arguments, stdout=said)
    return said.getvalue().strip()


def lose_its_worker(stream: Stream) -> None:
    jobs.defer(run_research, stream.pk)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET status = 'doing' WHERE lock = %s", [str(stream.pk)])


def test_jobs_of_dead_workers_wait_again_and_lost_streams_end() -> None:
    stalled, waiting, lost = (factories.stream() for _ in range(3))
    lose_its_worker(stalled)
    jobs.defer(run_research, waiting.pk)
    Stream.objects.update(updated_at=timezone.now() - timedelta(minutes=1))
    told = "1 stalled jobs, 1 streams without a job"
    assert run("--dry-run") == f"{told} would be dealt with."
    assert ProcrastinateJob.objects.filter(status="doing").count() == 1
    assert run() == f"{told}; 2 dealt with."
    assert set(ProcrastinateJob.objects.values_list("status", flat=True)) == {"todo"}
    lost.refresh_from_db()
    assert (lost.status, lost.is_closed) == ("failed", True)
    assert run() == "0 stalled jobs, 0 streams without a job; 0 dealt with."
