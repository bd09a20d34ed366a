"""Every body that is refused, at every route that reads one: the status, the text, and nothing written."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection

from tests.helpers.people import Person

LIMIT = 256 * 1024
JSON = "application/json"
NOT_JSON = "Body is not valid JSON"
NO_OBJECT = "Body must be a JSON object"
TOO_DEEP = "JSON is nested too deeply"
NUL = "Text must not contain U+0000"
SURROGATE = "Text contains an unpaired surrogate"
ROUTES = {"/auth/anonymous": "device_id", "/research": "idea"}
MISSING = {"/auth/anonymous": (422, "device_id required"), "/research": (400, "idea required")}

BODIES: dict[str, tuple[bytes, int, str]] = {
    "2,000 deep": (b"[" * 2_000 + b"]" * 2_000, 400, TOO_DEEP),
    "100,000 deep": (b'{"a":' * 40_000 + b"1" + b"}" * 40_000, 400, TOO_DEEP),
    "deep without end": (b"[" * 100_000, 400, TOO_DEEP),
    "65 deep": (b'{"a":' * 65 + b"1" + b"}" * 65, 400, TOO_DEEP),
    "million digits": (b'{"NAME": ' + b"9" * 200_000 + b"}", 400, NOT_JSON),
    "NaN": (b'{"NAME": NaN}', 400, NOT_JSON),
    "Infinity": (b'{"NAME": "x", "other": Infinity}', 400, NOT_JSON),
    "minus Infinity": (b'{"NAME": "x", "other": -Infinity}', 400, NOT_JSON),
    "1e999": (b'{"NAME": "x", "other": 1e999}', 422, "A number is too large"),
    "invalid UTF-8": (b'{"NAME": "\xff\xfe"}', 400, NOT_JSON),
    "surrogate in UTF-8": (b'{"NAME": "\xed\xa0\x80"}', 400, NOT_JSON),
    "overlong UTF-8": (b'{"NAME": "\xc0\x80"}', 400, NOT_JSON),
    "BOM": (b'\xef\xbb\xbf{"NAME": "x"}', 400, NOT_JSON),
    "UTF-16": ('{"NAME": "x"}'.encode("utf-16"), 400, NOT_JSON),
    "trailing garbage": (b'{"NAME": "x"}x', 400, NOT_JSON),
    "two objects": (b'{"NAME": "x"}\n{"NAME": "y"}', 400, NOT_JSON),
    "unclosed": (b'{"NAME": "x"', 400, NOT_JSON),
    "single quotes": (b"{'NAME': 'x'}", 400, NOT_JSON),
    "comment": (b'{"NAME": "x" /* y */}', 400, NOT_JSON),
    "raw line break": (b'{"NAME": "a\nb"}', 400, NOT_JSON),
    "only blanks": (b"   ", 400, NOT_JSON),
    "form": (b"NAME=x", 400, NOT_JSON),
    "lone high surrogate": (b'{"NAME": "\\ud800"}', 422, SURROGATE),
    "lone low surrogate": (b'{"NAME": "a\\udfffb"}', 422, SURROGATE),
    "surrogate in another field": (b'{"NAME": "x", "other": ["\\ud800"]}', 422, SURROGATE),
    "surrogate in a key": (b'{"NAME": "x", "\\ud800": 1}', 422, SURROGATE),
    "NUL": (b'{"NAME": "a\\u0000b"}', 422, NUL),
    "NUL in another field": (b'{"NAME": "x", "other": {"a": ["\\u0000"]}}', 422, NUL),
    "NUL in a key": (b'{"NAME": "x", "\\u0000": 1}', 422, NUL),
    "raw NUL": (b'{"NAME": "\x00"}', 400, NOT_JSON),
    "array": (b'["NAME"]', 400, NO_OBJECT),
    "array of objects": (b'[{"NAME": "x"}]', 400, NO_OBJECT),
    "string": (b'"NAME"', 400, NO_OBJECT),
    "number": (b"1", 400, NO_OBJECT),
    "null": (b"null", 400, NO_OBJECT),
    "true": (b"true", 400, NO_OBJECT),
}  # fmt: skip


@pytest.fixture(params=sorted(ROUTES))
def route(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def send(ada: Person, route: str) -> Callable[..., Any]:
    """POST to the route as Ada, who may."""
    client = ada.client
    return lambda body, content_type=JSON, **extra: client.generic("POST", route, body, content_type, **extra)


def assert_refused(response: Any, status: int, detail: str) -> None:
    assert (response.status_code, response.json()) == (status, {"detail": detail})
    assert response["Content-Type"] == JSON
    assert re.fullmatch(r"[0-9a-f]{16}", response["X-Request-ID"])


def written() -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT count(*) FROM realtime_stream), (SELECT count(*) FROM research_researchjob),"
            " (SELECT count(*) FROM procrastinate_jobs), (SELECT count(*) FROM accounts_device)"
        )
        return list(cursor.fetchone())


@pytest.mark.parametrize("name", BODIES)
def test_refused_body(send: Callable[..., Any], route: str, name: str) -> None:
    body, status, detail = BODIES[name]
    response = send(body.replace(b"NAME", ROUTES[route].encode()))
    assert_refused(response, status, detail)
    assert written() == [0, 0, 0, 0]


def test_empty_body_lacks_its_field(send: Callable[..., Any], route: str) -> None:
    assert_refused(send(b""), *MISSING[route])
    assert_refused(send(b"{}"), *MISSING[route])


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "text/json",
        "application/xml",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/octet-stream",
        "application/jsonp",
        "application/json-patch+json",
        "*/*",
        "json",
    ],
)
def test_other_content_types(send: Callable[..., Any], route: str, content_type: str) -> None:
    response = send(json.dumps({ROUTES[route]: "x"}), content_type)
    assert_refused(response, 415, f'Unsupported media type "{content_type}" in request.')
    assert written() == [0, 0, 0, 0]


@pytest.mark.parametrize(
    "content_type",
    [JSON, "Application/JSON", f"{JSON}; charset=utf-8", f'{JSON}; charset="UTF-8"', f"{JSON};"],
)
def test_json_by_any_spelling(send: Callable[..., Any], route: str, content_type: str) -> None:
    response = send(json.dumps({ROUTES[route]: "x"}), content_type)
    assert response.status_code in (200, 202), response.content


@pytest.mark.parametrize(
    "charset", ["utf-7", "utf-16", "utf-32", "utf-8-sig", "latin-1", "ascii", "idna", "punycode", "bz2_codec",
                "rot13", "hex", "unicode_escape", "nonsense", "../../etc", "x" * 5000]
)  # fmt: skip
def test_other_charsets(send: Callable[..., Any], route: str, charset: str) -> None:
    response = send(json.dumps({ROUTES[route]: "x"}), f"{JSON}; charset={charset}")
    assert_refused(response, 415, "Only UTF-8 is supported")


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "zstd", "gzip, identity", "x"])
def test_compressed_bodies(send: Callable[..., Any], route: str, encoding: str) -> None:
    response = send(json.dumps({ROUTES[route]: "x"}), headers={"Content-Encoding": encoding})
    assert_refused(response, 415, "Content-Encoding is not supported")


def test_plain_encoding_by_its_name(send: Callable[..., Any], route: str) -> None:
    response = send(json.dumps({ROUTES[route]: "x"}), headers={"Content-Encoding": "identity"})
    assert response.status_code in (200, 202)


def test_last_of_duplicate_keys_wins(send: Callable[..., Any], route: str) -> None:
    name = ROUTES[route]
    assert send(f'{{"{name}": 5, "{name}": "x"}}').status_code in (200, 202)
    assert_refused(send(f'{{"{name}": "x", "{name}": 5}}'), 422, f"{name} must be a string")


def filled(route: str, size: int) -> bytes:
    """A valid body of exactly that many bytes."""
    head = f'{{"{ROUTES[route]}": "x", "filler": "'.encode()
    return head + b"y" * (size - len(head) - 2) + b'"}'


def test_largest_body(send: Callable[..., Any], route: str) -> None:
    assert send(filled(route, LIMIT)).status_code in (200, 202)


def test_body_of_a_byte_more(send: Callable[..., Any], route: str) -> None:
    assert_refused(send(filled(route, LIMIT + 1)), 413, "Payload too large")
    assert written() == [0, 0, 0, 0]


def test_limit_is_a_setting(send: Callable[..., Any], route: str, settings: LazySettings) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    assert send(filled(route, 100)).status_code in (200, 202)
    assert_refused(send(filled(route, 101)), 413, "Payload too large")


@pytest.mark.parametrize(
    "length", ["-1", "abc", "1.5", "0x10", "1,1", " 5 5", "²", "٣", "9" * 5000, "1_0", "+5"]
)
def test_content_length_that_is_no_number(send: Callable[..., Any], length: str) -> None:
    assert_refused(send(b"{}", CONTENT_LENGTH=length), 400, "Content-Length is not a number")


@pytest.mark.parametrize("length", [str(LIMIT + 1), "1000000000000"])
def test_content_length_beyond_the_limit(send: Callable[..., Any], length: str) -> None:
    assert_refused(send(b"{}", CONTENT_LENGTH=length), 413, "Payload too large")


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "\t\n",
        "\u200b",
        "\u202e",
        "👩‍👩‍👧",
        "é",
        "e\u0301",
        "مرحبا",
        "\\",
        '"',
        "\u2028",
        "\ufeff",
        "\x7f",
    ],
)
def test_strange_texts_are_texts(ada: Person, text: str) -> None:
    """Whatever can be stored is stored as it came."""
    response = ada.client.post("/research", {"idea": text})
    assert response.status_code == 202
    assert ada.client.get(f"/research/{response.json()['job_id']}").json()["idea"] == text
