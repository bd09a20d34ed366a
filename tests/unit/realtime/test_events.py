from __future__ import annotations

import json
from uuid import UUID

import pytest
from pydantic import ValidationError

from realtime import events

ENTITY = UUID("0b2f3a52-6f0a-4c43-9d6b-27d5b2f9a001")


def test_a_stored_line_has_the_envelope_and_its_numbers_first() -> None:
    data = '{"name": "search", "status": "started"}'
    assert events.stored_line("stage", ENTITY, "research", 7, data) == (
        b'{"v":1,"event":"stage","data":{"seq":7,"entity_id":"0b2f3a52-6f0a-4c43-9d6b-27d5b2f9a001",'
        b'"channel":"research","name": "search", "status": "started"}}'
    )


def test_a_stored_line_without_fields_of_its_own_is_still_json() -> None:
    line = events.stored_line("done", ENTITY, "research", 12, "{}")
    assert json.loads(line) == {
        "v": 1,
        "event": "done",
        "data": {"seq": 12, "entity_id": str(ENTITY), "channel": "research"},
    }


@pytest.mark.parametrize(
    "text", ["two\nlines", "\r\n", "\u2028 and \u2029", "\x85", 'say "hi" \\', "é 漢 🦊"]
)
def test_a_stored_line_stays_one_line_whatever_it_says(text: str) -> None:
    data = json.dumps({"message": text}, ensure_ascii=False)
    line = events.stored_line("progress", ENTITY, "research", 1, data)
    assert b"\n" not in line
    assert b"\r" not in line
    assert json.loads(line)["data"]["message"] == text


def test_a_frame_of_the_connection_carries_no_number() -> None:
    assert events.frame("ping") == b'{"v":1,"event":"ping","data":{}}'
    assert events.frame("reset", {"reason": "a\nb\u2028"}) == (
        b'{"v":1,"event":"reset","data":{"reason":"a\\nb\\u2028"}}'
    )


def test_an_event_is_built_by_its_name() -> None:
    event = events.build("stage", {"name": "search", "status": "completed", "sources": 24})
    assert event == events.StageEvent(name="search", status="completed", sources=24)
    assert event.type == "stage"


def test_an_event_nobody_declared_is_a_defect() -> None:
    with pytest.raises(KeyError):
        events.build("stgae", {})


@pytest.mark.parametrize(
    ("event", "data"),
    [
        ("stage", {"name": "search"}),
        ("stage", {"name": "search", "status": "begun"}),
        ("progress", {"stage": "search", "message": "hi", "extra": 1}),
        ("retry", {"stage": "search", "attempt": "soon", "wait_ms": 1}),
        ("error", {"message": "no code", "retryable": True}),
        ("done", {"late": True}),
    ],
)
def test_an_event_of_the_wrong_shape_is_a_defect(event: str, data: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        events.build(event, data)
