"""Anonymous devices: the same id, the same principal, and nobody can read the id."""

from __future__ import annotations

import re
import unicodedata

import pytest
from django.conf import LazySettings

from accounts import devices
from accounts.models import Device, Principal
from tests.helpers.threads import at_once

pytestmark = pytest.mark.django_db


def test_device_gets_an_anonymous_principal() -> None:
    principal = devices.principal_of("phone")
    assert re.fullmatch(r"anon:[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}", principal.id)
    assert principal.is_anonymous_device


def test_same_device_is_the_same_principal() -> None:
    assert devices.principal_of("phone") == devices.principal_of("phone")
    assert (Principal.objects.count(), Device.objects.count()) == (1, 1)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("phone", "Phone"),
        ("phone", "phone "),
        ("phone", " phone"),
        (unicodedata.normalize("NFC", "é"), unicodedata.normalize("NFD", "é")),
        ("phone", "phone\u200b"),
        ("a", "а"),  # Latin and Cyrillic
    ],
)  # fmt: skip
def test_ids_that_differ_in_a_single_character_are_two_devices(one: str, other: str) -> None:
    assert devices.principal_of(one) != devices.principal_of(other)


def test_digest_depends_on_the_installations_key(settings: LazySettings) -> None:
    before = devices.device_digest("phone")
    settings.DEVICE_KEY = "another key"
    assert devices.device_digest("phone") != before
    assert len(before) == 32


def test_lost_race_takes_the_winners_principal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both calls saw no device; the second to write finds the first one's row."""
    winner = devices.principal_of("phone")
    monkeypatch.setattr(devices, "locked", lambda digest: None)
    assert devices.principal_of("phone") == winner
    assert list(Principal.objects.all()) == [winner]
    assert Device.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_many_first_calls_at_once_make_one_principal() -> None:
    assert len({principal.id for principal in at_once(8, lambda _: devices.principal_of("phone"))}) == 1
    assert (Principal.objects.count(), Device.objects.count()) == (1, 1)
