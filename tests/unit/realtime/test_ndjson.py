from __future__ import annotations

import pytest

from manticscore import errors
from realtime.ndjson import MAX_CURSOR, parse_cursor


@pytest.mark.parametrize(
    ("text", "cursor"),
    [("", 0), ("0", 0), ("12", 12), ("007", 7), (str(MAX_CURSOR), MAX_CURSOR)],
)
def test_a_cursor_is_a_whole_number_and_nothing_means_the_start(text: str, cursor: int) -> None:
    assert parse_cursor(text) == cursor


@pytest.mark.parametrize(
    "text",
    [
        "-1", "+1", "1.0", "1e3", " 1", "1 ", "1\n", "0x10", "١", "½", "abc", "null", "NaN", "1,2",
        str(MAX_CURSOR + 1), "9" * 19, "9" * 20, "0" * 20 + "9" * 20, "0" * 5000,
    ],
)  # fmt: skip
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(errors.Unprocessable, match="cursor must be a whole number from 0"):
        parse_cursor(text)
