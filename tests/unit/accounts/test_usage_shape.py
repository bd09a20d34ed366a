"""What GET /v1/usage makes of a month."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from accounts.credits import Month, Usage
from accounts.views.usage import shape

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def usage(tts_seconds: float = 0.0, credits_total: int = 20, credits: int = 0) -> Usage:
    return Usage(NOW, Month.of(NOW), "free", credits_total, credits, 0, tts_seconds)


@pytest.mark.parametrize(("seconds", "left"), [(0, 5.0), (10, 4.83), (299, 0.02), (300, 0.0), (301, 0.0)])
def test_minutes_left(seconds: float, left: float) -> None:
    assert shape(usage(tts_seconds=seconds))["remaining"]["tts_minutes"] == left


def test_minutes_are_fractions_even_when_whole() -> None:
    assert isinstance(shape(usage())["tier"]["caps"]["tts_minutes"], float)


@pytest.mark.parametrize(
    ("moment", "key"),
    [
        (datetime(2026, 12, 31, 23, 59, tzinfo=UTC), "2026-12"),
        (datetime(2027, 1, 1, 0, 30, tzinfo=timezone(timedelta(hours=1))), "2026-12"),
        (datetime(2026, 12, 31, 23, 30, tzinfo=timezone(timedelta(hours=-1))), "2027-01"),
    ],
)
def test_months_are_those_of_utc(moment: datetime, key: str) -> None:
    month = Month.of(moment)
    assert month.key == key
    assert month.ends_at.tzinfo is UTC
    assert (month.ends_at.day, month.ends_at.hour) == (1, 0)
    assert month.ends_at > moment
