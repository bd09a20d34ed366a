"""The history checker finds what is planted, names it, and finds nothing where nothing is wrong."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from manticscore.chaos.history import (
    INVARIANTS,
    Line,
    Stored,
    Told,
    Violation,
    check_acknowledged,
    check_stored,
    check_told,
    fingerprint,
)

TERMINAL = frozenset({"completed", "failed"})
STREAM = "00000000-0000-4000-8000-000000000001"


def line(seq: int, kind: str = "progress", **data: object) -> Line:
    return Line(seq, kind, fingerprint(kind, {"seq": seq, **data}))


LINES = (line(1, "stage"), line(2), line(3, "result"), line(4, "done"))
ENDED = Stored(STREAM, "research", "completed", 1, 4, 4, LINES)
OPEN = Stored(STREAM, "research", "running", 1, 3, None, LINES[:3])
PROJECT = Stored(STREAM, "project", "open", 1, 4, None, LINES)


def told(lines: Iterable[Line], *, ended: bool = True) -> Told:
    return Told("reader", STREAM, list(lines), ended)


def named(found: Iterable[Violation]) -> list[str]:
    violations = list(found)
    assert {one.invariant for one in violations} <= INVARIANTS.keys()
    assert all(one.where and one.what for one in violations)
    return [one.invariant for one in violations]


def test_a_history_without_fault_has_none() -> None:
    assert named(check_stored(ENDED, TERMINAL)) == []
    assert named(check_told(told(LINES), ENDED)) == []
    assert named(check_acknowledged({STREAM: 4}, {STREAM: ENDED})) == []


def test_a_project_goes_on_after_the_ends_of_its_jobs() -> None:
    assert named(check_stored(PROJECT, ())) == []
    assert named(check_told(told(LINES, ended=False), PROJECT)) == []


def test_a_stream_whose_beginning_was_pruned_is_whole() -> None:
    assert named(check_stored(replace(ENDED, first_seq=3, lines=LINES[2:]), TERMINAL)) == []


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        (replace(ENDED, lines=(*LINES[:1], *LINES[2:])), ["I1"]),
        (replace(ENDED, last_seq=5), ["I1", "I3"]),
        (replace(ENDED, lines=(LINES[0], *LINES)), ["I2"]),
        (replace(ENDED, lines=(LINES[0], line(2, "done"), *LINES[2:])), ["I3"]),
        (replace(ENDED, lines=(*LINES[:3], line(4))), ["I3"]),
        (replace(ENDED, last_seq=5, lines=(*LINES, line(5))), ["I3"]),
        (OPEN, ["I3"]),
        (replace(ENDED, closed_seq=None), ["I3", "I3", "I4"]),
        (replace(ENDED, status="running"), ["I4"]),
        (replace(OPEN, status="failed"), ["I3", "I4"]),
    ],
    ids=[
        "gap", "end is missing", "twice", "two ends", "no end", "event after the end", "never closed",
        "done but open", "closed but running", "failed but open",
    ],
)  # fmt: skip
def test_what_is_wrong_in_the_database_is_found(stored: Stored, expected: list[str]) -> None:
    assert named(check_stored(stored, TERMINAL)) == expected


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ((*LINES[:1], *LINES[2:]), ["I5"]),
        ((*LINES[:2], *LINES[1:]), ["I2"]),
        ((LINES[1], LINES[0], *LINES[2:]), ["I5"]),
        ((LINES[0], line(2, message="other"), *LINES[2:]), ["I5"]),
        ((LINES[0], line(2, "stage"), *LINES[2:]), ["I5"]),
        ((*LINES, line(5)), ["I5"]),
        ((), ["I5"]),
        ((*LINES[:3], LINES[0], LINES[3]), ["I2", "I5"]),
    ],
    ids=["lost", "doubled", "reordered", "altered", "other type", "invented", "nothing", "sent again later"],
)
def test_what_is_wrong_with_what_a_client_received_is_found(
    lines: tuple[Line, ...], expected: list[str]
) -> None:
    assert named(check_told(told(lines), ENDED)) == expected


def test_a_client_that_never_saw_the_end_is_found() -> None:
    assert named(check_told(told(LINES[:3], ended=False), ENDED)) == ["I5", "I3"]


def test_a_history_of_nothing_that_is_stored_is_found() -> None:
    assert named(check_told(told(LINES), None)) == ["I5"]


@pytest.mark.parametrize("streams", [{STREAM: ENDED}, {}], ids=["shorter", "not there"])
def test_an_acknowledged_event_that_is_gone_is_found(streams: dict[str, Stored]) -> None:
    assert named(check_acknowledged({STREAM: 5}, streams)) == ["I11"]


def test_fingerprints_ignore_how_json_is_spelt_and_nothing_else() -> None:
    assert fingerprint("stage", {"a": 1, "b": 2}) == fingerprint("stage", {"b": 2, "a": 1})
    assert fingerprint("stage", {"a": 1}) != fingerprint("stage", {"a": "1"})
    assert fingerprint("stage", {"a": 1}) != fingerprint("result", {"a": 1})
