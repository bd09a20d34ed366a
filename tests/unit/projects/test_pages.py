"""Cursors of lists."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manticscore import errors
from projects.pages import Place

OFFSETS = st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30)), timezone(timedelta(hours=-8))])


@given(st.datetimes(datetime(1970, 1, 2), datetime(9000, 1, 1), timezones=OFFSETS), st.uuids())
def test_cursor_comes_back_to_the_microsecond(at: datetime, project_id: uuid.UUID) -> None:
    place = Place(at, project_id)
    assert Place.parse(str(place)) == place


@given(st.text(max_size=60))
def test_anything_else_is_refused(cursor: str) -> None:
    with pytest.raises(errors.Unprocessable):
        Place.parse(cursor)
