from __future__ import annotations

import pytest
from pydantic import ValidationError

from realtime import events


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


def test_nobody_but_the_log_writes_the_end() -> None:
    with pytest.raises(KeyError):
        events.build("done", {"first_seq": 1, "last_seq": 2, "count": 2, "digest": ""})


@pytest.mark.parametrize(
    ("event", "data"),
    [
        ("stage", {"name": "search"}),
        ("stage", {"name": "search", "status": "begun"}),
        ("progress", {"stage": "search", "message": "hi", "extra": 1}),
        ("retry", {"stage": "search", "attempt": "soon", "wait_ms": 1}),
        ("error", {"message": "no code", "retryable": True}),
    ],
)
def test_an_event_of_the_wrong_shape_is_a_defect(event: str, data: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        events.build(event, data)
