"""Asking a job to stop, from Django's side."""

from __future__ import annotations

import uuid

import pytest

from realtime import cancellation
from realtime.models import Stream
from tests import factories
from tests.helpers.people import Person

pytestmark = pytest.mark.django_db


def requested_at(stream: Stream) -> object:
    return Stream.objects.values_list("cancel_requested_at", flat=True).get(id=stream.id)


def test_the_owner_asks_once_and_again(ada: Person) -> None:
    stream = factories.stream(ada.principal, channel="build")
    assert requested_at(stream) is None
    assert cancellation.request(ada.principal.pk, "build", stream.id) is True
    first = requested_at(stream)
    assert first is not None
    assert cancellation.request(ada.principal.pk, "build", stream.id) is True
    assert requested_at(stream) == first


def test_a_job_that_has_ended_cannot_be_stopped(ada: Person) -> None:
    stream = factories.stream(ada.principal, closed_seq=4)
    assert cancellation.request(ada.principal.pk, "research", stream.id) is False
    assert requested_at(stream) is None


def test_a_project_is_no_job(ada: Person) -> None:
    stream = factories.project_stream(ada.principal)
    assert cancellation.request(ada.principal.pk, "project", stream.id) is False
    assert requested_at(stream) is None


def test_strangers_and_other_channels_find_nothing(ada: Person, mallory: Person) -> None:
    stream = factories.stream(ada.principal)
    assert cancellation.request(mallory.principal.pk, "research", stream.id) is None
    assert cancellation.request(ada.principal.pk, "forge", stream.id) is None
    assert cancellation.request(ada.principal.pk, "research", uuid.uuid4()) is None
    assert requested_at(stream) is None
