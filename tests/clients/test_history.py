"""What the Python client believes about a stream, and what it refuses to."""

from __future__ import annotations

import hashlib

import pytest

from manticscore_client import Event, History, HistoryBroken, Unverifiable
from tests.clients.scripted import event


def parsed(kind: str, seq: int | None = None, **data: object) -> Event:
    return Event.parse(event(kind, seq, **data).encode())


def done(seq: int, received: list[Event], **changes: object) -> Event:
    lines = b"".join(one.raw + b"\n" for one in received)
    proof = {
        "first_seq": received[0].seq if received else seq,
        "last_seq": seq - 1,
        "count": len(received),
        "digest": hashlib.sha256(lines).hexdigest(),
    }
    return parsed("done", seq, **(proof | changes))


def taken(history: History, *events: Event) -> History:
    for one in events:
        history.take(one)
    return history


def test_the_cursor_follows_numbered_events_only() -> None:
    history = taken(History(), parsed("stream_start"), parsed("stage", 1), parsed("ping"), parsed("news", 2))
    assert history.cursor == 2
    assert not history.ended


@pytest.mark.parametrize("seq", [1, 2, 4])
def test_only_the_next_number_is_believed(seq: int) -> None:
    with pytest.raises(HistoryBroken, match=f"event {seq} came after event 2"):
        History(2).take(parsed("stage", seq))


def test_a_reset_begins_anew_with_whatever_is_left() -> None:
    history = taken(History(40), parsed("reset", reason="pruned"), parsed("stage", 7), parsed("stage", 8))
    assert history.cursor == 8
    with pytest.raises(HistoryBroken):
        history.take(parsed("stage", 10))


def test_an_end_that_agrees_is_believed() -> None:
    events = [parsed("stage", 1), parsed("result", 2)]
    assert taken(History(verify=True), *events, done(3, events)).ended


def test_a_stream_of_nothing_but_its_end_can_be_proved() -> None:
    assert taken(History(verify=True), done(1, [])).ended


@pytest.mark.parametrize(
    "change", [{"digest": "0" * 64}, {"count": 1}, {"last_seq": 5}], ids=lambda change: next(iter(change))
)
def test_an_end_that_disagrees_is_not(change: dict[str, object]) -> None:
    events = [parsed("stage", 1), parsed("result", 2)]
    history = taken(History(verify=True), *events)
    with pytest.raises(HistoryBroken, match=next(iter(change))):
        history.take(done(3, events, **change))


def test_an_altered_line_shows_in_the_digest() -> None:
    sent = [parsed("progress", 1, message="one"), parsed("result", 2)]
    history = taken(History(verify=True), parsed("progress", 1, message="two"), sent[1])
    with pytest.raises(HistoryBroken, match="digest"):
        history.take(done(3, sent))


def test_a_job_that_is_tried_again_proves_its_second_run() -> None:
    first = [parsed("error", 1)]
    second = [parsed("stage", 3), parsed("result", 4)]
    history = taken(History(verify=True), *first, done(2, first), second[0])
    assert not history.ended
    assert taken(history, second[1], done(5, second)).ended


def test_what_began_elsewhere_cannot_be_proved() -> None:
    events = [parsed("stage", 1), parsed("result", 2)]
    history = taken(History(1, verify=True), events[1])
    with pytest.raises(Unverifiable, match="this history with 2"):
        history.take(done(3, events))


def test_an_end_without_proof_is_enough_unless_proof_is_asked_for() -> None:
    assert taken(History(), parsed("done", 1)).ended
    with pytest.raises(Unverifiable, match="carries no digest"):
        History(verify=True).take(parsed("done", 1))


def test_an_end_without_number_answers_a_cursor_at_the_end() -> None:
    history = taken(History(9), parsed("done"))
    assert history.ended
    assert history.cursor == 9


@pytest.mark.parametrize("raw", [b"", b"[]", b'{"event":"x"}', b'{"event":"x","data":1}', b'{"v":1', b"\xff"])
def test_what_is_no_event_is_refused(raw: bytes) -> None:
    with pytest.raises(HistoryBroken, match="not an event"):
        Event.parse(raw)
