"""A rebind that brings together two jobs about the same question."""

from __future__ import annotations

import pytest

from realtime.models import Stream
from tests.helpers.people import Person
from tests.rebind import actors

pytestmark = pytest.mark.django_db
BODY = {"idea": "a recipe box for families"}


def test_both_go_on_and_a_third_is_refused() -> None:
    grace, guest = actors.signed_in("grace"), actors.on_device()
    for person in (grace, guest):
        assert person.client.post("/research", BODY).status_code == 202
    assert claim(grace) == 200
    streams = Stream.objects.filter(channel="research", owner_id="user_grace", closed_seq=None)
    assert sorted(stream.dedup_key == "" for stream in streams) == [False, True]
    assert grace.client.post("/research", BODY).status_code == 409


def test_what_only_the_device_asked_stays_unique() -> None:
    grace, guest = actors.signed_in("grace"), actors.on_device()
    assert guest.client.post("/research", BODY).status_code == 202
    assert claim(grace) == 200
    assert grace.client.post("/research", BODY).status_code == 409


def claim(person: Person) -> int:
    answer = person.client.post("/auth/rebind", {"device_id": actors.DEVICE})
    return int(answer.status_code)
