"""resend_outbox, list_rebind_conflicts, export_rebind_conflicts."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.management import call_command, get_commands, load_command_class
from django.db.models import F
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts import outbox
from accounts.models import OutboxMessage, RebindConflict
from tests.admin import desk

pytestmark = pytest.mark.django_db


def run(name: str, *arguments: str) -> tuple[str, str]:
    """What a command wrote to standard output and standard error."""
    out, err = io.StringIO(), io.StringIO()
    call_command(name, *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def queued() -> int:
    return ProcrastinateJob.objects.filter(task_name=outbox.TASK).count()


@pytest.mark.parametrize("name", ["resend_outbox", "list_rebind_conflicts", "export_rebind_conflicts"])
def test_help_says_when(name: str) -> None:
    assert len(load_command_class(get_commands()[name], name).help) > 100


class TestResend:
    @pytest.fixture
    def message(self, settings: LazySettings) -> OutboxMessage:
        settings.POSTHOG_KEY = "phc_key"
        message = desk.actors.one_of_everything(desk.factories.principal())[OutboxMessage]
        OutboxMessage.objects.update(next_try_at=F("created_at") - timedelta(minutes=5))
        return message  # type: ignore[no-any-return]

    def test_queues_what_is_overdue_once(self, message: OutboxMessage) -> None:
        assert run("resend_outbox")[0] == "1 messages queued.\n"
        assert run("resend_outbox")[0] == "0 messages queued.\n"
        assert queued() == 1

    def test_passes_over_what_is_not_due(self, message: OutboxMessage) -> None:
        OutboxMessage.objects.update(next_try_at=F("created_at") + timedelta(minutes=5))
        assert run("resend_outbox")[0] == "0 messages queued.\n"

    def test_dry_run_queues_nothing(self, message: OutboxMessage) -> None:
        assert run("resend_outbox", "--dry-run")[0] == "1 messages would be queued.\n"
        assert queued() == 0

    def test_revives_dead_ones(self, message: OutboxMessage) -> None:
        OutboxMessage.objects.update(state="dead", tries=79)
        assert run("resend_outbox")[0] == "0 messages queued.\n"
        assert run("resend_outbox", "--dead", "--dry-run")[0] == "1 dead messages would be revived.\n"
        assert OutboxMessage.objects.get().state == "dead"
        assert run("resend_outbox", "--dead")[0] == "1 dead messages revived.\n"
        assert run("resend_outbox", "--dead")[0] == "0 dead messages revived.\n"
        assert (OutboxMessage.objects.get().state, queued()) == ("pending", 1)

    def test_says_that_sending_is_off(self, message: OutboxMessage, settings: LazySettings) -> None:
        settings.POSTHOG_KEY = ""
        assert run("resend_outbox")[0] == "0 messages queued. Sending is off: POSTHOG_KEY is not set.\n"
        assert queued() == 0


class TestConflicts:
    @pytest.fixture(autouse=True)
    def conflicts(self) -> list[RebindConflict]:
        """One open, one resolved."""
        both = [desk.contested(f"device {number}") for number in range(2)]
        RebindConflict.objects.filter(pk=both[1].pk).update(resolution="keep", resolved_at=F("created_at"))
        return both

    def test_the_list_shows_open_ones(self, conflicts: list[RebindConflict]) -> None:
        lines = run("list_rebind_conflicts")[0].splitlines()
        assert lines[-1] == "1 open rebind conflicts."
        assert "user_grace <- user_mallory  claims 1  open" in lines[0]
        assert f"device {conflicts[0].device_id}" in lines[0]
        assert len(lines) == 2

    def test_the_list_can_show_all(self) -> None:
        lines = run("list_rebind_conflicts", "--state", "all", "--limit", "1")[0].splitlines()
        assert (len(lines), lines[-1]) == (2, "2 rebind conflicts.")

    def test_csv(self, conflicts: list[RebindConflict]) -> None:
        out, err = run("export_rebind_conflicts")
        rows = list(csv.DictReader(io.StringIO(out)))
        assert [row["id"] for row in rows] == [str(conflict.pk) for conflict in conflicts]
        assert [row["resolution"] for row in rows] == ["", "keep"]
        assert err == "2 rebind conflicts exported.\n"

    def test_a_file_of_json_lines(self, tmp_path: Path) -> None:
        path = tmp_path / "conflicts.jsonl"
        path.write_text("an older export")
        arguments: list[Any] = ["--format", "jsonl", "--state", "open", "--output", str(path)]
        out, err = run("export_rebind_conflicts", *arguments)
        [row] = [json.loads(line) for line in path.read_text().splitlines()]
        assert (row["claimant"], row["claims"]) == ("user_mallory", 1)
        assert (out, err) == ("", "1 rebind conflicts exported.\n")
        assert list(tmp_path.iterdir()) == [path]

    def test_an_export_that_fails_keeps_the_older_one(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / "conflicts.csv"
        path.write_text("an older export")
        monkeypatch.setattr("accounts.conflicts.rows", lambda _: iter([{"unknown": "column"}]))
        with pytest.raises(ValueError, match="unknown"):
            run("export_rebind_conflicts", "--output", str(path))
        assert path.read_text() == "an older export"
