"""Push tokens and preferences."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.models import PushToken
from tests.api.accounts.conftest import Send
from tests.helpers.people import Person
from tests.helpers.threads import at_once

pytestmark = pytest.mark.django_db
TOKEN = "0f" * 32
ALL_ON = [
    {"id": "research_complete", "label": "Research complete", "enabled": True},
    {"id": "build_complete", "label": "Build graph ready", "enabled": True},
    {"id": "signal_alert", "label": "New competitive signal", "enabled": True},
    {"id": "weekly_digest", "label": "Weekly digest", "enabled": True},
]


def test_registering_again_changes_the_one_row(signed_in: Person, send: Send) -> None:
    for environment in ("sandbox", "production", "development"):
        answer = send(signed_in, "POST", "/push-tokens", {"device_token": TOKEN, "environment": environment})
        assert (answer.status_code, answer.json()) == (200, {"success": True})
        assert PushToken.objects.get().environment == environment


def test_a_token_moves_with_its_device(guest: Person, signed_in: Person, send: Send) -> None:
    send(guest, "POST", "/push-tokens", {"device_token": TOKEN})
    send(signed_in, "POST", "/push-tokens", {"device_token": TOKEN})
    assert PushToken.objects.get().owner_id == signed_in.principal.id


def test_deleting(signed_in: Person, other: Person, send: Send) -> None:
    send(signed_in, "POST", "/push-tokens", {"device_token": TOKEN})
    for person, left in ((other, 1), (signed_in, 0), (signed_in, 0)):
        answer = send(person, "DELETE", "/push-tokens", {"device_token": TOKEN})
        assert (answer.status_code, answer.json()) == (200, {"success": True})
        assert PushToken.objects.count() == left


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"device_token": ""},
        {"device_token": None},
        {"device_token": "a b"},
        {"device_token": "a\n"},
        {"device_token": "é"},
        {"device_token": "a" * 513},
        {"device_token": [TOKEN]},
        {"device_token": TOKEN, "environment": "staging"},
        {"device_token": TOKEN, "environment": None},
    ],
)
def test_odd_tokens_are_refused(signed_in: Person, send: Send, body: Any) -> None:
    assert send(signed_in, "POST", "/push-tokens", body).status_code == 422
    assert not PushToken.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_one_device_registering_many_times_at_once(signed_in: Person, other: Person, send: Send) -> None:
    people = [signed_in, other]
    body = {"device_token": TOKEN, "environment": "sandbox"}
    assert {
        r.status_code for r in at_once(20, lambda n: send(people[n % 2], "POST", "/push-tokens", body))
    } == {200}
    assert PushToken.objects.count() == 1


def test_preferences_are_all_on_at_first(signed_in: Person) -> None:
    assert signed_in.client.get("/push-tokens/preferences").json() == {"preferences": ALL_ON}


def test_preferences_change_one_by_one(signed_in: Person, send: Send) -> None:
    path = "/push-tokens/preferences"
    off = send(signed_in, "PUT", path, {"preferences": [{"id": "weekly_digest", "enabled": False}]}).json()
    assert [item["enabled"] for item in off["preferences"]] == [True, True, True, False]
    assert signed_in.client.get(path).json() == off
    whole = [{**item, "enabled": item["id"] == "weekly_digest"} for item in ALL_ON]
    swapped = send(signed_in, "PUT", path, {"preferences": whole}).json()
    assert [item["enabled"] for item in swapped["preferences"]] == [False, False, False, True]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"preferences": None},
        {"preferences": {}},
        {"preferences": [5]},
        {"preferences": [{"id": "weekly_digest"}]},
        {"preferences": [{"id": "spam", "enabled": True}]},
        {"preferences": [{"id": "weekly_digest", "enabled": "perhaps"}]},
    ],
)
def test_odd_preferences_are_refused(signed_in: Person, send: Send, body: Any) -> None:
    assert send(signed_in, "PUT", "/push-tokens/preferences", body).status_code == 422
    assert signed_in.client.get("/push-tokens/preferences").json() == {"preferences": ALL_ON}
