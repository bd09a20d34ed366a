"""manage.py streams"""

from __future__ import annotations

import io
import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.postgres.functions import TransactionNow
from django.core.management import CommandError, call_command

from accounts.models import Principal
from realtime.inventory import duration
from realtime.models import Stream
from tests import factories

pytestmark = pytest.mark.django_db


def told(*arguments: str) -> str:
    out = io.StringIO()
    call_command("streams", *arguments, stdout=out)
    return out.getvalue()


def as_json(*arguments: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in told("--json", *arguments).splitlines()]


@pytest.fixture
def three() -> list[Stream]:
    """Running, waiting and ended, from young to old."""
    user = Principal.objects.create(id="user_CANARY")
    made = [
        factories.stream(user, stage="search", last_seq=7, title="CANARY"),
        factories.stream(channel="build", status="queued", attempt=0),
        factories.stream(status="completed", last_seq=9, closed_seq=9),
    ]
    for number, stream in enumerate(made, 1):
        ago = timedelta(minutes=number)
        Stream.objects.filter(id=stream.id).update(
            created_at=TransactionNow() - ago, updated_at=TransactionNow() - ago / 2
        )
    return made


def test_live_ones_as_a_table(three: list[Stream]) -> None:
    head, *rows, total = told().splitlines()
    assert " ".join(head.split()) == "stream channel owner status stage attempt seq age quiet for"
    assert [" ".join(row.split()) for row in rows] == [
        f"{three[0].id} research user running search 1 7 1m 00s 30s",
        f"{three[1].id} build anonymous queued 0 0 2m 00s 1m 00s",
    ]
    assert total == "2 live streams"


def test_one_json_object_a_line(three: list[Stream]) -> None:
    first = as_json()[0]
    assert first.pop("age_seconds") == pytest.approx(60, abs=5)
    assert first.pop("quiet_seconds") == pytest.approx(30, abs=5)
    assert first == {
        "id": str(three[0].id), "channel": "research", "owner": "user", "status": "running",
        "stage": "search", "attempt": 1, "first_seq": 1, "last_seq": 7, "ended": False,
    }  # fmt: skip


def test_choosing(three: list[Stream]) -> None:
    ids = [str(stream.id) for stream in three]
    assert [each["id"] for each in as_json()] == ids[:2]
    assert [each["id"] for each in as_json("--all")] == ids
    assert [each["id"] for each in as_json("--all", "--limit=1")] == ids[:1]
    assert [each["id"] for each in as_json("--all", "--channel=build")] == [ids[1]]
    assert as_json("--channel=forge") == []
    assert told("--all").endswith("3 streams\n")
    with pytest.raises(CommandError, match="invalid choice"):
        told("--channel=nothing")


def test_nobody_is_named(three: list[Stream]) -> None:
    assert "CANARY" not in told("--all") + told("--all", "--json")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-1, "0s"), (59.9, "59s"), (65, "1m 05s"), (3600 * 2 + 61, "2h 01m"), (86400 * 5 + 3600 * 3, "5d 3h")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text
