"""Reading JSON bodies: what is refused, and how deep a body is without parsing it."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manticscore import errors, parsers
from manticscore.lib import storable

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=30,
)


def depth(value: object) -> int:
    """How deep a parsed value is: the obvious count, for comparison."""
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth, value), default=0)
    return 0


@given(VALUES, st.booleans())
def test_nesting_is_the_depth_of_the_value(value: object, ascii_only: bool) -> None:
    assert parsers.nesting(json.dumps(value, ensure_ascii=ascii_only).encode()) == depth(value)


@given(st.text(alphabet='[]{}"\\a,:', max_size=60))
def test_brackets_and_quotes_inside_strings_do_not_count(text: str) -> None:
    assert parsers.nesting(json.dumps([text, {text: text}]).encode()) == 2


@given(st.binary(max_size=200))
def test_nesting_survives_any_bytes(body: bytes) -> None:
    assert 0 <= parsers.nesting(body) <= len(body)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", 0),
        (b"{}", 1),
        (b'{"a":[[1],[2]]}', 3),
        (b'"[[["', 0),
        (b'["\\"[[["]', 1),
        (b'["\\\\",[]]', 2),
        (b"[" * 100, 100),
        (b"][][", 0),  # the parser stops at the first of these
    ],
)
def test_nesting(body: bytes, expected: int) -> None:
    assert parsers.nesting(body) == expected


def test_largest_body_is_scanned_at_once() -> None:
    started = time.perf_counter()
    assert parsers.nesting(b"[" * 256 * 1024) == 256 * 1024
    assert time.perf_counter() - started < 0.5


def test_deepest_allowed_body() -> None:
    value = parsers.parse_object(b'{"a":' * 63 + b"[1]" + b"}" * 63)
    assert depth(value) == 64


def test_one_level_more_is_refused() -> None:
    with pytest.raises(errors.BadRequest, match=r"^JSON is nested too deeply$"):
        parsers.parse_object(b'{"a":' * 64 + b"[1]" + b"}" * 64)


def test_last_of_duplicate_keys_wins() -> None:
    assert parsers.parse_object(b'{"a": 1, "a": 2}') == {"a": 2}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b"{}x",
        b"{} {}",
        b"\xef\xbb\xbf{}",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": -Infinity}',
        b'{"a": 01}',
        b"{'a': 1}",
        b'{"a": "\xff"}',
        b'{"a": "\xed\xa0\x80"}',
        b'{"a": "\n"}',
        b'{"a": ' + b"1" * 10_000 + b"}",
        '{"a": 1}'.encode("utf-16"),
    ],
)
def test_broken_json_is_a_bad_request(body: bytes) -> None:
    with pytest.raises(errors.BadRequest, match=r"^Body is not valid JSON$"):
        parsers.parse_object(body)


@pytest.mark.parametrize("body", [b"[]", b'"text"', b"null", b"1", b"true"])
def test_only_objects_are_bodies(body: bytes) -> None:
    with pytest.raises(errors.BadRequest, match=r"^Body must be a JSON object$"):
        parsers.parse_object(body)


@pytest.mark.parametrize("body", [b'{"a": 1e999}', b'{"a": [-1e999]}'])
def test_number_beyond_all_bounds_is_unprocessable(body: bytes) -> None:
    with pytest.raises(errors.Unprocessable, match=r"^A number is too large$"):
        parsers.parse_object(body)


@pytest.mark.parametrize("charset", ["utf-8", "UTF-8", "utf8", "U8"])
def test_utf8_by_any_of_its_names(charset: str) -> None:
    parsers.refuse_foreign_charset({"charset": charset})


@pytest.mark.parametrize(
    "charset",
    ["utf-7", "utf-16", "utf-8-sig", "latin-1", "idna", "bz2_codec", "rot13", "nonsense", "", "a\x00b", "ü"],
)
def test_other_charsets(charset: str) -> None:
    with pytest.raises(errors.UnsupportedMediaType, match=r"^Only UTF-8 is supported$"):
        parsers.refuse_foreign_charset({"charset": charset})


def texts(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for pair in value.items() for part in pair for text in texts(part)]
    if isinstance(value, list):
        return [text for item in value for text in texts(item)]
    return [value] if isinstance(value, str) else []


@given(VALUES)
def test_storable_looks_at_every_text(value: object) -> None:
    found = any("\x00" in text for text in texts(value))
    assert storable.objection(value) == ("Text must not contain U+0000" if found else "")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a\x00", "Text must not contain U+0000"),
        ({"a\x00": 1}, "Text must not contain U+0000"),
        ([[{"a": ["\x00"]}]], "Text must not contain U+0000"),
        ("\ud800", "Text contains an unpaired surrogate"),
        ({"a": {"\udfff": 1}}, "Text contains an unpaired surrogate"),
        ("\\u0000 in six characters, 😀, \u200b, \ufffe", ""),
        ([1, None, True, 1.5, {}], ""),
    ],
)
def test_storable(value: object, expected: str) -> None:
    assert storable.objection(value) == expected


def test_storable_has_no_depth_limit_of_its_own() -> None:
    value: list[object] = ["\x00"]
    for _ in range(100_000):
        value = [value]
    assert storable.objection(value) == "Text must not contain U+0000"
