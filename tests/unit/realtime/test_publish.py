"""Appending to the log, with PostgreSQL."""

from __future__ import annotations

import hashlib
import json
import threading
import uuid
from collections.abc import Iterator
from contextlib import suppress

import pytest
from django.db import DataError, connection, transaction

from manticscore.pipeline import Superseded
from realtime import hints, publish
from realtime.events import MAX_EVENT_BYTES, ProgressEvent
from realtime.hub import READ_PAGES
from realtime.models import Event, Stream
from tests import factories
from tests.helpers import installation, log
from tests.helpers.threads import at_once

Hint = tuple[uuid.UUID, int]


@pytest.fixture
def hinted() -> Iterator[list[Hint]]:
    """The hints this process's hub would hear."""
    heard: list[Hint] = []
    hints.listen(lambda stream_id, seq: heard.append((stream_id, seq)))
    yield heard
    hints.listen(None)


@pytest.mark.django_db
def test_events_are_numbered_from_one_without_gaps() -> None:
    stream = factories.stream()
    assert publish.append(stream.id, 1, [log.progress("a")]) == 1
    assert publish.append(stream.id, 1, [log.progress("b"), log.progress("c")]) == 3
    assert log.stored(stream.id) == [
        (1, "progress", {"stage": "search", "message": "a"}),
        (2, "progress", {"stage": "search", "message": "b"}),
        (3, "progress", {"stage": "search", "message": "c"}),
    ]
    stream.refresh_from_db()
    assert stream.last_seq == 3


@pytest.mark.django_db
def test_an_append_may_set_status_and_stage_and_leaves_them_otherwise() -> None:
    stream = factories.stream(status="queued", stage="")
    publish.append(stream.id, 1, [log.progress()], status="running", stage="search")
    publish.append(stream.id, 1, [log.progress()])
    stream.refresh_from_db()
    assert (stream.status, stream.stage) == ("running", "search")


@pytest.mark.django_db
@pytest.mark.parametrize("attempt", [0, 1, 3])
def test_another_attempt_than_the_current_one_writes_nothing(attempt: int) -> None:
    stream = factories.stream(attempt=2)
    with pytest.raises(Superseded):
        publish.close(stream.id, attempt, status="completed")
    assert log.stored(stream.id) == []
    after = Stream.objects.get(id=stream.id)
    assert (after.last_seq, after.status, after.closed_seq) == (0, "running", None)
    assert after.updated_at == stream.updated_at


@pytest.mark.django_db
def test_a_stream_that_does_not_exist_takes_nothing() -> None:
    with pytest.raises(Superseded):
        publish.append(uuid.uuid4(), 1, [log.progress()])


@pytest.mark.django_db
def test_closing_marks_the_last_event_as_the_end_and_then_nothing_more_fits() -> None:
    stream = factories.stream()
    publish.close(stream.id, 1, [log.progress()], status="completed")
    stream.refresh_from_db()
    assert (stream.closed_seq, stream.last_seq, stream.status) == (2, 2, "completed")
    with pytest.raises(Superseded):
        publish.append(stream.id, 1, [log.progress("late")])
    assert log.types(stream.id) == ["progress", "done"]


@pytest.mark.django_db
def test_an_event_may_be_just_as_large_as_allowed() -> None:
    stream = factories.stream()
    frame = len(log.progress("").model_dump_json())
    publish.append(stream.id, 1, [log.progress("x" * (MAX_EVENT_BYTES - frame))])
    with pytest.raises(publish.EventTooLarge):
        publish.append(stream.id, 1, [log.progress("x" * (MAX_EVENT_BYTES - frame + 1))])
    with pytest.raises(publish.EventTooLarge):  # bytes count, not characters
        publish.append(stream.id, 1, [log.progress("ü" * (MAX_EVENT_BYTES // 2))])
    assert log.numbers(stream.id) == [1]


@pytest.mark.django_db
def test_one_event_too_large_keeps_its_whole_batch_out() -> None:
    stream = factories.stream()
    with pytest.raises(publish.EventTooLarge):
        publish.append(stream.id, 1, [log.progress(), log.progress("x" * MAX_EVENT_BYTES)])
    assert log.stored(stream.id) == []


@pytest.mark.django_db
def test_text_that_cannot_be_stored_is_refused_and_uses_no_number() -> None:
    stream = factories.stream()
    with pytest.raises(DataError), transaction.atomic():
        publish.append(stream.id, 1, [log.progress(), log.progress("nul \x00")])
    assert publish.append(stream.id, 1, [log.progress("fine")]) == 1


@pytest.mark.django_db
def test_what_was_written_is_read_back_to_the_letter() -> None:
    stream = factories.stream()
    text = 'two\nlines, \u2028, "quotes", \\, \ufeff, 漢字 and 🦊; 10% {curly} %s'
    publish.append(stream.id, 1, [log.progress(text)])
    assert log.stored(stream.id)[0][2]["message"] == text


@pytest.mark.django_db(transaction=True)
def test_numbers_of_one_stream_are_dense_whoever_writes() -> None:
    stream = factories.stream()

    def write(thread: int) -> list[int]:
        return [publish.append(stream.id, 1, [log.progress(f"{thread}/{turn}")]) for turn in range(20)]

    given = at_once(8, write)
    assert sorted(seq for own in given for seq in own) == list(range(1, 161))
    assert log.numbers(stream.id) == list(range(1, 161))
    messages = {seq: data["message"] for seq, _, data in log.stored(stream.id)}
    for thread, own in enumerate(given):
        assert own == sorted(own)
        assert [messages[seq] for seq in own] == [f"{thread}/{turn}" for turn in range(20)]


@pytest.mark.django_db(transaction=True)
def test_a_rollback_gives_the_numbers_back() -> None:
    stream = factories.stream()
    publish.append(stream.id, 1, [log.progress()])
    with transaction.atomic():
        assert publish.append(stream.id, 1, log.several(5)) == 6
        transaction.set_rollback(True)
    assert publish.append(stream.id, 1, [log.progress()]) == 2
    assert log.numbers(stream.id) == [1, 2]


@pytest.mark.django_db(transaction=True)
def test_events_of_a_projects_streams_are_numbered_a_second_time_for_the_project() -> None:
    owner = factories.principal()
    project = factories.project_stream(owner)
    streams = [factories.stream(owner, project_id=project.id) for _ in range(2)]

    def write(thread: int) -> None:
        for turn in range(15):
            publish.append(streams[thread % 2].id, 1, log.several(1 + turn % 2))

    at_once(4, write)
    for stream in streams:
        events = list(Event.objects.filter(stream=stream).order_by("seq"))
        assert [event.seq for event in events] == list(range(1, 45))
        project_numbers = [event.project_seq for event in events]
        assert project_numbers == sorted(project_numbers)
    seen = Event.objects.filter(project_id=project.id).order_by("project_seq")
    assert list(seen.values_list("project_seq", flat=True)) == list(range(1, 89))
    project.refresh_from_db()
    assert project.last_seq == 88
    assert not Event.objects.filter(stream=project).exists()  # stored once


@pytest.mark.django_db
def test_a_project_without_a_stream_of_its_own_numbers_nothing() -> None:
    stream = factories.stream(project_id=uuid.uuid4())
    assert publish.append(stream.id, 1, [log.progress()]) == 1
    event = Event.objects.get(stream=stream)
    assert (event.project_id, event.project_seq) == (None, None)


@pytest.mark.django_db
def test_a_project_id_that_names_another_kind_of_stream_numbers_nothing() -> None:
    other = factories.stream()
    stream = factories.stream(project_id=other.id)
    publish.append(stream.id, 1, [log.progress()])
    other.refresh_from_db()
    assert other.last_seq == 0


@pytest.mark.django_db(transaction=True)
def test_a_hint_follows_the_commit_for_the_stream_and_its_project(hinted: list[Hint]) -> None:
    project = factories.project_stream()
    stream = factories.stream(project_id=project.id)
    with transaction.atomic():
        publish.append(stream.id, 1, log.several(2))
        assert hinted == []
    assert hinted == [(stream.id, 2), (project.id, 2)]


@pytest.mark.django_db(transaction=True)
def test_a_rollback_sends_no_hint(hinted: list[Hint]) -> None:
    stream = factories.stream()
    with transaction.atomic():
        publish.append(stream.id, 1, [log.progress()])
        transaction.set_rollback(True)
    assert hinted == []


@pytest.mark.django_db(transaction=True)
def test_a_hub_that_fails_does_not_fail_the_writer(hinted: list[Hint]) -> None:
    def broken(stream_id: uuid.UUID, seq: int) -> None:
        raise RuntimeError("Event loop is closed")

    hints.listen(broken)
    stream = factories.stream()
    assert publish.append(stream.id, 1, [ProgressEvent(stage="search", message="hello")]) == 1
    with transaction.atomic():
        publish.append(stream.id, 1, [log.progress()])
    assert log.numbers(stream.id) == [1, 2]


@pytest.mark.django_db(transaction=True)
def test_a_deletion_that_waits_for_an_append_leaves_no_event_behind() -> None:
    stream, other = factories.stream(), factories.stream()
    publish.append(other.id, 1, [log.progress()])

    def delete() -> None:
        Stream.objects.filter(pk=stream.pk).delete()
        connection.close()

    deletion = threading.Thread(target=delete)
    with transaction.atomic():
        publish.append(stream.id, 1, log.several(3))
        deletion.start()
        installation.until(someone_waits_for_a_row)
    deletion.join(10)
    assert list(Event.objects.values_list("stream_id", flat=True)) == [other.id]
    with pytest.raises(Superseded):
        publish.append(stream.id, 1, [log.progress()])
    assert list(Event.objects.values_list("stream_id", flat=True)) == [other.id]


def someone_waits_for_a_row() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'")
        return bool(cursor.fetchone()[0])


def lines(stream_id: uuid.UUID, first: int, last: int) -> bytes:
    """The events of a stream as a client gets them."""
    parameters = {"ids": [stream_id], "after": [first - 1], "limit": last - first + 1, "bytes": 10**6}
    with connection.cursor() as cursor:
        cursor.execute(READ_PAGES, parameters)
        return bytes(cursor.fetchone()[-2])


def proof(stream_id: uuid.UUID, seq: int) -> dict[str, object]:
    return dict(Event.objects.get(stream_id=stream_id, seq=seq, type="done").data)


@pytest.mark.django_db
def test_the_end_proves_what_a_client_has_seen() -> None:
    stream = factories.stream()
    publish.append(stream.id, 1, [log.progress("ä"), log.progress('"\\')])
    publish.append(stream.id, 1, log.several(3))
    assert publish.close(stream.id, 1, [log.progress("last")], status="completed") == 7
    seen = hashlib.sha256(lines(stream.id, 1, 6)).hexdigest()
    assert proof(stream.id, 7) == {"first_seq": 1, "last_seq": 6, "count": 6, "digest": seen}


@pytest.mark.django_db
def test_every_run_of_a_stream_has_a_proof_of_its_own() -> None:
    stream = factories.stream()
    publish.close(stream.id, 1, [log.progress("once")], status="failed")
    Stream.objects.filter(id=stream.id).update(closed_seq=None, attempt=2)
    publish.close(stream.id, 2, [log.progress("again"), log.progress("and again")], status="completed")
    seen = hashlib.sha256(lines(stream.id, 3, 4)).hexdigest()
    assert proof(stream.id, 5) == {"first_seq": 3, "last_seq": 4, "count": 2, "digest": seen}


@pytest.mark.django_db
def test_a_run_without_an_event_is_proved_as_well() -> None:
    stream = factories.stream()
    publish.close(stream.id, 1, status="completed")
    nothing = hashlib.sha256(b"").hexdigest()
    assert proof(stream.id, 1) == {"first_seq": 1, "last_seq": 0, "count": 0, "digest": nothing}


@pytest.mark.django_db(transaction=True)
def test_an_end_beside_other_writers_proves_all_that_came_before_it() -> None:
    stream = factories.stream()

    def write(thread: int) -> None:
        with suppress(Superseded):
            for _ in range(30):
                publish.append(stream.id, 1, [log.progress(str(thread))])
            publish.close(stream.id, 1, status="completed")

    at_once(4, write)
    stream.refresh_from_db()
    assert stream.closed_seq == stream.last_seq
    before = stream.last_seq - 1
    seen = hashlib.sha256(lines(stream.id, 1, before)).hexdigest()
    assert proof(stream.id, stream.last_seq) == {
        "first_seq": 1, "last_seq": before, "count": before, "digest": seen,
    }  # fmt: skip


@pytest.mark.django_db(transaction=True)
def test_a_projects_own_events_and_those_of_its_jobs_share_one_numbering(hinted: list[Hint]) -> None:
    project = factories.project_stream()
    job = factories.stream(project_id=project.id)
    publish.append(project.id, 1, [log.progress("own")])
    publish.append(job.id, 1, [log.progress("job's")])
    publish.append(project.id, 1, [log.progress("own again"), log.progress("and again")])
    seen = [json.loads(line) for line in lines(project.id, 1, 9).splitlines()]
    assert [(event["data"]["seq"], event["data"]["message"]) for event in seen] == [
        (1, "own"), (2, "job's"), (3, "own again"), (4, "and again"),
    ]  # fmt: skip
    origin = {"entity_id": str(job.id), "channel": "research", "seq": 1}
    assert [event["data"].get("origin") for event in seen] == [None, origin, None, None]
    assert {(event["data"]["entity_id"], event["data"]["channel"]) for event in seen} == {
        (str(project.id), "project")
    }
    assert hinted == [(project.id, 1), (job.id, 1), (project.id, 2), (project.id, 4)]
