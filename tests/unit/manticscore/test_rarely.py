from __future__ import annotations

import logging

import pytest

from manticscore.logs import Rarely


def test_what_repeats_itself_is_told_once_in_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("manticscore.logs.time.monotonic", lambda: now)
    record = logging.makeLogRecord({"msg": "error connecting"})
    rarely = Rarely()
    assert [rarely.filter(record) for _ in range(3)] == [True, False, False]
    now = 109.9
    assert not rarely.filter(record)
    now = 110.0
    assert [rarely.filter(record) for _ in range(2)] == [True, False]
