"""`manage.py emit`: what it writes, who may follow it, and how it keeps a rate."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st

from accounts import sessions
from manticscore.settings import BASE_DIR
from realtime import emission
from realtime.emission import Pace, Target
from realtime.hub import conninfo
from realtime.models import Event, Stream


def emit(*options: str, told: str = "") -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, as its writers are; on the test's database."""
    env = {name: value for name, value in os.environ.items() if name != "DATABASE_IS_EMBEDDED"}
    command = [sys.executable, str(BASE_DIR / "manage.py"), "emit", *options]
    return subprocess.run(
        command,
        input=told,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**env, "DATABASE_URL": conninfo(), "FIELD_KEYS": Fernet.generate_key().decode()},
    )


def said(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def numbers(stream: str) -> list[int]:
    return list(Event.objects.filter(stream_id=stream).order_by("seq").values_list("seq", flat=True))


@pytest.mark.django_db(transaction=True)
def test_every_stream_gets_its_events_and_done() -> None:
    told = said(emit("--owner", "bench", "--users", "3", "--events", "7", "--batch", "3", "--processes", "2"))
    assert [each["owner"] for each in told["streams"]] == ["user_bench-1", "user_bench-2", "user_bench-3"]
    assert told["emission"]["events"] == 21
    assert told["emission"]["first"] <= told["emission"]["last"]
    for each in told["streams"]:
        assert sessions.find(each["token"]).principal_id == each["owner"]
        stream = Stream.objects.get(id=each["stream"])
        assert (stream.owner_id, stream.status, stream.closed_seq) == (each["owner"], "completed", 8)
        assert numbers(each["stream"]) == list(range(1, 9))
        types = Event.objects.filter(stream=stream).order_by("seq").values_list("type", flat=True)
        assert list(types) == ["progress"] * 7 + ["done"]


@pytest.mark.django_db(transaction=True)
def test_streams_are_made_first_and_written_to_later(tmp_path: Path) -> None:
    made = emit("--owner", "user_bench", "--streams", "2", "--events", "0", "--keep-open")
    assert "emission" not in said(made)
    assert all(numbers(each["stream"]) == [] for each in said(made)["streams"])
    options = ("--events", "5", "--size", "40", "--keep-open", "--processes", "5")
    file = tmp_path / "streams.json"
    file.write_text(made.stdout)
    said(emit("--to", str(file), *options))
    said(emit("--to", "-", *options, told=made.stdout))
    for each in said(made)["streams"]:
        assert numbers(each["stream"]) == list(range(1, 11)), "several processes share a stream"
        assert Stream.objects.get(id=each["stream"]).closed_seq is None
        messages = Event.objects.filter(stream_id=each["stream"]).values_list("data__message", flat=True)
        assert {len(message) for message in messages} == {40}


@pytest.mark.django_db(transaction=True)
def test_a_rate_is_kept_and_written_into_the_events() -> None:
    told = said(emit("--owner", "bench", "--users", "2", "--events", "10", "--rate", "100"))
    written = told["emission"]
    assert written["last"] - written["first"] >= 0.19, "the twentieth event is due after 190 ms"
    due = sorted(
        int(message.removeprefix("at=").partition(" ")[0])
        for message in Event.objects.filter(type="progress").values_list("data__message", flat=True)
    )
    steps = [later - earlier for earlier, later in pairwise(due)]
    assert len(due) == 20
    assert all(abs(step - 10_000) <= 1 for step in steps), "events say when they were due, however late"


@pytest.mark.django_db(transaction=True)
def test_a_closed_stream_is_not_written_to() -> None:
    made = emit("--owner", "bench", "--events", "1")
    done = emit("--to", "-", told=made.stdout)
    assert done.returncode == 1
    assert "A stream is closed" in done.stderr


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--owner", "bench", "--to", "-"],
        ["--owner", "not a name"],
        ["--owner", "bench", "--users", "0"],
        ["--owner", "bench", "--events", "-1"],
        ["--owner", "bench", "--rate", "-1"],
        ["--owner", "bench", "--rate", "nan"],
        ["--owner", "bench", "--size", "999999"],
    ],
)
def test_odd_options_are_refused(options: list[str]) -> None:
    with pytest.raises(CommandError):
        call_command("emit", *options)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"streams": [{"stream": 1}]}'])
def test_a_file_without_streams_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "streams.json"
    file.write_text(content)
    with pytest.raises(CommandError, match="holds no streams"):
        call_command("emit", "--to", str(file))


@given(st.integers(1, 12), st.integers(1, 9), st.integers(1, 30))
def test_shares_add_up(streams: int, processes: int, events: int) -> None:
    targets = [Target(str(uuid4()), "user_a", "") for _ in range(streams)]
    dealt = emission.shares(targets, events, processes)
    assert len(dealt) == processes
    total: Counter[UUID] = Counter()
    for share in dealt:
        for stream, count in share:
            total[stream] += count
    assert total == {UUID(target.stream): events for target in targets}


def test_streams_are_written_to_in_turns() -> None:
    a, b = uuid4(), uuid4()
    assert list(emission.batches([(a, 5), (b, 3)], 2)) == [(a, 2), (b, 2), (a, 2), (b, 1), (a, 1)]


def test_an_event_says_when_it_was_due() -> None:
    message = emission.event(1.5, 20).model_dump()["message"]
    assert message == "at=1500000 xxxxxxxxx"
    assert Pace(1).rate == 0
