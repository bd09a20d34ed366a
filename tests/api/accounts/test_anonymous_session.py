"""POST /auth/anonymous"""

from __future__ import annotations

import re
import time
import unicodedata
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.cache import cache
from django.db import connection

from accounts import sessions
from accounts.models import Device, Principal, Session
from tests.helpers.people import JSONClient, Person
from tests.helpers.threads import at_once

pytestmark = pytest.mark.django_db
URL = "/auth/anonymous"
DEVICE = "E621E1F8-C36C-495A-93FC-0C247A3E6E5F"


def post(device_id: Any = DEVICE, **fields: Any) -> Any:
    return JSONClient().post(URL, {"device_id": device_id, **fields})


def principal_of(response: Any) -> str:
    assert response.status_code == 200, response.content
    return sessions.find(response.json()["token"]).principal_id


def test_answer_is_a_token_for_half_an_hour() -> None:
    response = post()
    assert response.status_code == 200
    body = response.json()
    assert set(body) == {"token", "expires_in"}
    assert re.fullmatch(r"ms_sess_[A-Za-z0-9_-]{43}", body["token"])
    assert body["expires_in"] == 1800


def test_token_works_at_once() -> None:
    client = JSONClient(headers={"Authorization": f"Bearer {post().json()['token']}"})
    assert client.post("/research", {"idea": "a recipe box for families"}).status_code == 202


def test_no_authorization_is_needed_and_a_broken_one_does_not_matter() -> None:
    client = JSONClient(headers={"Authorization": "Bearer nonsense"})
    assert client.post(URL, {"device_id": DEVICE}).status_code == 200


def test_repeated_call_is_a_new_session_of_the_same_principal() -> None:
    first, second = post(), post()
    assert first.json()["token"] != second.json()["token"]
    assert principal_of(first) == principal_of(second)
    assert (Principal.objects.count(), Device.objects.count(), Session.objects.count()) == (1, 1, 2)


def test_other_device_is_another_principal() -> None:
    assert principal_of(post("one")) != principal_of(post("two"))


@pytest.mark.django_db(transaction=True)
def test_twenty_first_calls_at_once_make_one_principal() -> None:
    found = at_once(20, lambda number: principal_of(post()))
    assert len(set(found)) == 1
    assert list(Principal.objects.values_list("id", flat=True)) == found[:1]
    assert (Device.objects.count(), Session.objects.count()) == (1, 20)


@pytest.mark.parametrize("body", [{}, {"device_id": ""}, {"device_id": None}, {"device": DEVICE}])
def test_missing_device_id(body: dict[str, Any]) -> None:
    response = JSONClient().post(URL, body)
    assert (response.status_code, response.json()) == (422, {"detail": "device_id required"})
    assert Principal.objects.count() == 0


@pytest.mark.parametrize("device_id", [0, 5, 1.5, True, False, [], ["a"], {}, {"device_id": "a"}])
def test_device_id_of_another_kind(device_id: Any) -> None:
    response = post(device_id)
    assert (response.status_code, response.json()) == (422, {"detail": "device_id must be a string"})
    assert Principal.objects.count() == 0


@pytest.mark.parametrize("character", ["x", "é", "😀", " "])
def test_two_hundred_characters_are_the_longest(character: str) -> None:
    assert post(character * 200).status_code == 200
    response = post(character * 201)
    assert response.status_code == 422
    assert response.json() == {"detail": "device_id must have at most 200 characters"}


@pytest.mark.parametrize("device_id", ["a\x00", "\x00", "a\x00b"])
def test_nul_is_refused(device_id: str) -> None:
    response = post(device_id)
    assert (response.status_code, response.json()) == (422, {"detail": "Text must not contain U+0000"})


def test_half_a_surrogate_pair_is_refused() -> None:
    response = JSONClient().post(URL, b'{"device_id": "\\ud800"}', "application/json")
    assert response.status_code == 422
    assert response.json() == {"detail": "Text contains an unpaired surrogate"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (unicodedata.normalize("NFC", "Zoë’s phone"), unicodedata.normalize("NFD", "Zoë’s phone")),
        ("phone", " phone"),
        ("phone", "phone\n"),
        ("phone", "PHONE"),
        (" ", "  "),
    ],
)
def test_id_is_taken_as_it_is(one: str, other: str) -> None:
    assert principal_of(post(one)) != principal_of(post(other))
    assert principal_of(post(one)) == principal_of(post(one))


@pytest.mark.parametrize(
    "device_id",
    [
        "' OR 1=1 --",
        "<script>alert(1)</script>",
        "%s%n{0}${7*7}",
        "../../etc/passwd",
        "\u202eenohp",
        "\u200b",
    ],
)
def test_id_means_nothing_to_us(device_id: str) -> None:
    assert principal_of(post(device_id)) == principal_of(post(device_id))
    assert Principal.objects.count() == 1


def test_fields_of_ours_cannot_be_set() -> None:
    response = post(principal="user_ada", id="user_ada", owner="user_ada", expires_in=10**9)
    assert response.json()["expires_in"] == 1800
    assert re.fullmatch(r"anon:[0-9a-f-]{36}", principal_of(response))


def test_neither_device_id_nor_token_is_stored_in_clear() -> None:
    token = post(DEVICE).json()["token"]
    JSONClient(headers={"Authorization": f"Bearer {token}"}).post("/research", {"idea": "a recipe box"})
    stored = every_column_as_text()
    assert "a recipe box" in stored, "the dump sees what is stored"
    for secret in (DEVICE, token, token.removeprefix("ms_sess_")):
        for form in (secret, secret.lower(), secret.encode().hex()):
            assert form not in stored


def every_column_as_text() -> str:
    """All rows of all tables, binary columns in hexadecimal."""
    tables = connection.introspection.table_names()
    with connection.cursor() as cursor:
        found = []
        for table in tables:
            cursor.execute(f'SELECT row_to_json(t)::text FROM "{table}" t')
            found += [row[0] for row in cursor.fetchall()]
    return "\n".join(found)


def test_eleventh_call_in_a_minute_waits(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.RATELIMIT_ENABLE = True
    cache.clear()
    now = 1_700_000_000.5
    monkeypatch.setattr(time, "time", lambda: now)
    assert [post(f"device {number}").status_code for number in range(10)] == [200] * 10
    response = post("device 10")
    assert (response.status_code, response.json()) == (429, {"detail": "Too many requests"})
    wait = int(response["Retry-After"])
    assert 1 <= wait <= 61
    assert not Device.objects.filter(pk=11).exists()
    assert Device.objects.count() == 10
    now += wait - 1
    assert post("device 10").status_code == 429
    now += 1
    assert post("device 10").status_code == 200


def test_invalid_calls_count_too(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.RATELIMIT_ENABLE = True
    cache.clear()
    monkeypatch.setattr(time, "time", lambda: 1_700_000_000.0)
    assert [post("").status_code for _ in range(11)] == [422] * 10 + [429]


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete", "head"])
def test_other_methods(method: str) -> None:
    response = getattr(JSONClient(), method)(URL)
    assert response.status_code == 405
    assert response["Allow"] == "POST, OPTIONS"
    if method != "head":
        assert response.json() == {"detail": f'Method "{method.upper()}" not allowed.'}


def test_session_of_one_does_not_open_what_is_anothers(ada: Person) -> None:
    job = ada.client.post("/research", {"idea": "a recipe box"}).json()["job_id"]
    stranger = JSONClient(headers={"Authorization": f"Bearer {post().json()['token']}"})
    assert stranger.get(f"/research/{job}").status_code == 404
    assert ada.client.get(f"/research/{job}").status_code == 200
