"""A rebind happens whole or not at all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from accounts import outbox, ownership, rebind, sessions
from accounts.models import Device, OutboxMessage, Principal, Rebind
from realtime.models import Stream
from tests.helpers.people import Person
from tests.rebind import actors
from tests.rebind.actors import DEVICE

TABLES = list(ownership.by_label())
ROWS = len(TABLES) + actors.MORE_STREAMS


class Broken(Exception):
    """The failure that a test put in."""


def state() -> Any:
    """Everything a rebind may change."""
    return (
        ownership.counts(list(Principal.objects.order_by("id").values_list("id", flat=True))),
        list(Device.objects.values()),
        list(Principal.objects.order_by("id").values()),
        Rebind.objects.count(),
        OutboxMessage.objects.filter(kind=outbox.ALIAS).count(),
    )


@pytest.fixture
def guest() -> Person:
    guest = actors.on_device()
    actors.one_of_everything(guest.principal)
    Principal.objects.create(id="user_grace")
    return guest


def claim() -> rebind.Outcome:
    return rebind.rebind(user_id="user_grace", device_id=DEVICE)


@pytest.mark.django_db
@pytest.mark.parametrize("table", TABLES)
def test_a_failure_after_a_table_rolls_all_back(
    guest: Person, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(point: str) -> None:
        if point == f"rebind:{table}":
            raise Broken

    before = state()
    with monkeypatch.context() as patch:
        patch.setattr(ownership, "crash_point", fail)
        with pytest.raises(Broken):
            claim()
    assert state() == before
    assert sessions.find(guest.token)
    assert claim().rows_updated == ROWS
    assert OutboxMessage.objects.filter(kind=outbox.ALIAS).count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize("table", TABLES)
def test_a_failing_merge_rolls_all_back(guest: Person, table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def merge(source_id: str, target_id: str) -> None:
        raise Broken

    before = state()
    monkeypatch.setattr(ownership.by_label()[table], "merge", merge)
    with pytest.raises(Broken):
        claim()
    assert state() == before


@pytest.mark.django_db
@pytest.mark.parametrize("step", ["move_profile", "move_table"])
def test_a_failing_move_rolls_all_back(guest: Person, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> Any:
        raise Broken

    before = state()
    monkeypatch.setattr(ownership, step, fail)
    with pytest.raises(Broken):
        claim()
    assert state() == before


@pytest.mark.django_db
def test_without_an_outbox_row_there_is_no_rebind(guest: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: Any) -> Any:
        raise Broken

    before = state()
    monkeypatch.setattr(outbox, "add_alias", fail)
    with pytest.raises(Broken):
        claim()
    assert state() == before


SCRIPT = """
import django
django.setup()
from accounts.rebind import rebind
print(rebind(user_id="user_grace", device_id="%s").rows_updated)
"""


def claim_in_a_process(crash_at: str) -> subprocess.CompletedProcess[str]:
    database = connection.settings_dict
    host, port = database["HOST"], database["PORT"] or 5432
    url = (
        f"postgresql://{database['USER']}:{database['PASSWORD']}@/{database['NAME']}?host={host}&port={port}"
    )
    environment = {**os.environ, "CRASH_AT": crash_at, "DATABASE_URL": url, "DEVICE_KEY": settings.DEVICE_KEY}
    command = [sys.executable, "-c", SCRIPT % DEVICE]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.faults
@pytest.mark.django_db(transaction=True)
def test_a_process_killed_on_the_way_leaves_nothing_and_the_next_try_succeeds() -> None:
    guest = actors.on_device()
    actors.one_of_everything(guest.principal)
    Principal.objects.create(id="user_grace")
    before = state()
    for point in (f"rebind:{TABLES[0]}", f"rebind:{TABLES[-1]}", "rebind:written"):
        killed = claim_in_a_process(point)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        assert state() == before
    done = claim_in_a_process("nowhere")
    assert done.stdout.strip() == str(ROWS), done.stderr
    assert actors.rows_owned_by(guest.principal.id) == {}
    assert OutboxMessage.objects.filter(kind=outbox.ALIAS).count() == 1


@pytest.mark.django_db(transaction=True)
def test_ten_thousand_rows(capsys: pytest.CaptureFixture[str]) -> None:
    guest = actors.on_device()
    fill(guest.principal.id, 10_000)
    started = time.perf_counter()
    outcome = claim()
    elapsed = time.perf_counter() - started
    assert outcome.rows_updated == 10_000
    assert Stream.objects.filter(owner_id="user_grace").count() == 5_000
    assert actors.rows_owned_by(guest.principal.id) == {}
    with capsys.disabled():
        print(f"\nrebind of 10,000 rows: {elapsed:.2f} s")


def fill(owner_id: str, rows: int) -> None:
    """Half of them streams, half of them research jobs."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO realtime_stream"
            " (id, channel, owner_id, title, status, stage, attempt, last_seq, first_seq)"
            " SELECT gen_random_uuid(), 'research', %s, 'a title', 'completed', '', 1, 0, 1"
            " FROM generate_series(1, %s)",
            [owner_id, rows // 2],
        )
        cursor.execute(
            "INSERT INTO research_researchjob (stream_id, owner_id, idea, mode, as_of, artifact_hash)"
            " SELECT id, owner_id, 'an idea', 'market', now(), '' FROM realtime_stream"
        )
