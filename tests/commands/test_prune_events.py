"""manage.py prune_events, and the nightly task that does the same."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.db.models.functions import Now

from realtime import pruning
from realtime.management.commands.prune_events import Stop
from realtime.models import Event, StageResult, Stream
from tests import factories
from tests.helpers.log import numbers, types
from tests.helpers.threads import at_once

pytestmark = pytest.mark.django_db
MONTH = timedelta(days=30)
RUN = ["stage", "progress", "stage", "result", "done"]


def finished(story: Sequence[str] = RUN, days_ago: float = 40, project: Stream | None = None) -> Stream:
    """A stream that ended so long ago, with these events."""
    stream = factories.stream(project_id=project.id if project else None)
    write(stream, story, project)
    end(stream, days_ago)
    return stream


def write(stream: Stream, story: Sequence[str], project: Stream | None = None) -> None:
    for event in story:
        stream.last_seq += 1
        numbered = {}
        if project:
            project.last_seq += 1
            numbered = {"project_id": project.id, "project_seq": project.last_seq}
        Event.objects.create(stream=stream, seq=stream.last_seq, type=event, data={}, **numbered)
    stream.save(update_fields=["last_seq"])
    if project:
        project.save(update_fields=["last_seq"])


def end(stream: Stream, days_ago: float) -> None:
    Stream.objects.filter(id=stream.id).update(
        closed_seq=stream.last_seq, closed_at=Now() - timedelta(days=days_ago)
    )


def project() -> Stream:
    return factories.stream(channel="project", attempt=0)


def first_seq(stream: Stream) -> int:
    return Stream.objects.values_list("first_seq", flat=True).get(id=stream.id)


def project_numbers(stream: Stream) -> list[int]:
    """What a follower of the project can still read; nothing else may bear a number of the project."""
    kept = Event.objects.filter(project_id=stream.id)
    assert not kept.filter(project_seq__lt=first_seq(stream)).exists()
    return list(kept.order_by("project_seq").values_list("project_seq", flat=True))


def test_an_old_stream_shrinks_to_its_outcome() -> None:
    old, young = finished(days_ago=31), finished(days_ago=29)
    running = factories.stream()
    write(running, RUN)
    Stream.objects.filter(id=running.id).update(created_at=Now() - 2 * MONTH)
    assert call_command("prune_events", "--older-than=30d", "--dry-run") == (
        "3 events of 1 streams would be deleted."
    )
    assert numbers(old.id) == [1, 2, 3, 4, 5]
    assert call_command("prune_events", "--older-than=30d") == "3 events of 1 streams deleted."
    assert call_command("prune_events", "--older-than=30d") == "0 events of 0 streams deleted."
    assert (numbers(old.id), types(old.id), first_seq(old)) == ([4, 5], ["result", "done"], 4)
    assert numbers(young.id) == numbers(running.id) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("story", "kept"),
    [
        (["stage", "error", "done", "stage", "result", "done"], [5, 6]),
        (["stage", "result", "done", "error", "done"], [2, 3, 4, 5]),
        (["stage", "stage", "done"], [3]),
        (["stage", "progress", "progress"], [3]),
        (["result", "done"], [1, 2]),
        (["done"], [1]),
        (["stage", "result", "progress", "done"], [4]),
    ],
    ids=lambda value: "-".join(map(str, value)),
)
def test_what_is_kept_has_no_gap_and_ends_at_the_end(story: Sequence[str], kept: list[int]) -> None:
    stream = finished(story)
    pruning.prune(MONTH)
    assert (numbers(stream.id), first_seq(stream)) == (kept, kept[0])
    assert pruning.count(MONTH) == pruning.NOTHING


def test_checkpoints_of_pruned_streams_go() -> None:
    old, young = finished(), finished(days_ago=1)
    for stream in (old, young):
        StageResult.objects.create(stream=stream, stage="search", attempt=1, output={})
    pruning.prune(MONTH)
    assert list(StageResult.objects.values_list("stream_id", flat=True)) == [young.id]


def test_a_project_forgets_a_prefix_and_keeps_the_rest_without_a_gap() -> None:
    home = project()
    finished(project=home)  # 1 to 5
    between = factories.stream(project_id=home.id)
    write(between, ["stage"], home)  # 6: still running
    later = finished(["stage", "result", "done"], project=home)  # 7 to 9
    write(between, ["progress"], home)  # 10
    pruning.prune(MONTH)
    assert first_seq(home) == 8
    assert project_numbers(home) == [8, 9, 10]
    assert numbers(between.id) == [1, 2], "a running job loses nothing of its own"
    assert numbers(later.id) == [2, 3]


def test_a_project_of_young_jobs_keeps_everything() -> None:
    home = project()
    finished(project=home, days_ago=1)
    finished(days_ago=40)
    pruning.prune(MONTH)
    assert (first_seq(home), project_numbers(home)) == (1, [1, 2, 3, 4, 5])


def test_a_long_stream_goes_in_steps_each_of_which_leaves_no_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "EVENTS", 4)
    stream = finished(["progress"] * 10 + ["result", "done"])
    seen = []
    while pruning.step(MONTH)[1]:
        seen.append(numbers(stream.id))
        assert seen[-1][0] == first_seq(stream)
    assert seen == [list(range(5, 13)), list(range(9, 13)), [11, 12]]
    assert pruning.count(MONTH) == pruning.NOTHING


def test_the_dry_run_counts_what_the_run_deletes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "STREAMS", 2)
    for story in (RUN, ["stage", "result", "done"], ["done"], RUN):
        finished(story)
    expected = pruning.count(MONTH)
    assert expected == pruning.Pruned(streams=3, events=7)
    assert pruning.prune(MONTH) == expected


@pytest.mark.django_db(transaction=True)
def test_many_at_once_share_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "STREAMS", 2)
    homes = [project() for _ in range(3)]
    streams = [finished(project=homes[number % 3]) for number in range(12)]
    together = at_once(4, lambda _: pruning.prune(MONTH))
    assert sum(together, pruning.NOTHING) == pruning.Pruned(streams=12, events=36)
    assert all(numbers(stream.id) == [4, 5] for stream in streams)
    assert [project_numbers(home) for home in homes] == [[19, 20]] * 3


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_asked_to_stop_it_ends_after_the_step(
    monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    monkeypatch.setattr(pruning, "STREAMS", 1)
    streams = [finished(days_ago=days) for days in (50, 40)]
    one_step = pruning.step

    def signalled(age: timedelta) -> tuple[pruning.Pruned, int]:
        os.kill(os.getpid(), number)
        return one_step(age)

    monkeypatch.setattr(pruning, "step", signalled)
    told = call_command("prune_events", "--older-than=30d")
    assert told == "3 events of 1 streams deleted. Stopped before the end; run it again for the rest."
    assert [numbers(stream.id) for stream in streams] == [[4, 5], [1, 2, 3, 4, 5]]


def test_afterwards_signals_mean_what_they_meant() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with Stop() as stop:
        assert signal.getsignal(signal.SIGTERM) != before
    assert (signal.getsignal(signal.SIGTERM), stop.asked) == (before, False)


@pytest.mark.parametrize(
    ("text", "found"),
    [("38d", 3), ("5w", 3), ("900h", 3), ("50000m", 3), ("0d", 3), ("40d", 0), ("6w", 0), ("950h", 0)],
)
def test_ages(text: str, found: int) -> None:
    finished(days_ago=39)
    assert call_command("prune_events", f"--older-than={text}", "--dry-run").startswith(f"{found} events")


@pytest.mark.parametrize("text", ["30", "d", "-3d", "3y", "1.5d", ""])
def test_no_ages(text: str) -> None:
    with pytest.raises(CommandError, match="no age"):
        call_command("prune_events", f"--older-than={text}")


def test_by_setting(settings: LazySettings) -> None:
    stream = finished(days_ago=91)
    settings.EVENTS_KEEP_DAYS = 0
    pruning.prune_by_setting(lambda: False)
    with pytest.raises(CommandError, match="EVENTS_KEEP_DAYS keeps everything"):
        call_command("prune_events")
    assert len(numbers(stream.id)) == 5
    settings.EVENTS_KEEP_DAYS = 92
    assert call_command("prune_events") == "0 events of 0 streams deleted."
    settings.EVENTS_KEEP_DAYS = 90
    pruning.prune_by_setting(lambda: True)
    assert len(numbers(stream.id)) == 5, "a worker that stops leaves it"
    pruning.prune_by_setting(lambda: False)
    assert numbers(stream.id) == [4, 5]
