"""Every page of the admin: opens, costs the same for many rows as for few, shows nothing secret."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import connection, models
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

import buildgraphs.admin
from accounts.admin import base
from accounts.models import Device, Session, User
from buildgraphs.models import BuildGraph
from realtime.models import Stream
from tests import factories
from tests.admin import desk

pytestmark = pytest.mark.django_db
APPS = ("accounts", "realtime", "projects", "research", "buildgraphs", "chat", "procrastinate")
OURS = {
    model: model_admin for model, model_admin in admin.site._registry.items() if model._meta.app_label in APPS
}
READ_ONLY = {model: model_admin for model, model_admin in OURS.items() if model is not User}
SECRET_COLUMNS = {
    "agent_config",
    "artifact",
    "body",
    "ciphertext",
    "device_token",
    "digest",
    "hint",
    "key_hash",
    "password",
    "reply",
    "request_hash",
    "token_digest",
}
by_label = {model._meta.label: model for model in OURS}


@pytest.fixture
def root() -> Client:
    return desk.browser(desk.staff("root", superuser=True))


def page_of(model: type[models.Model], name: str, *arguments: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{name}", args=arguments)


def has_one_key(model: type[models.Model]) -> bool:
    return len(model._meta.pk_fields) == 1


def test_every_model_is_there() -> None:
    """Those with a composite key, which the admin cannot show, stand on their parent's page."""
    models_of_ours = {model for model in apps.get_models() if model._meta.app_label in APPS}
    assert {model for model in models_of_ours if has_one_key(model)} == set(OURS)
    assert {model.__name__ for model in models_of_ours - set(OURS)} == {"Event", "Passage", "StageResult"}


def test_a_list_costs_the_same_for_many_rows(root: Client) -> None:
    lists = {label: page_of(model, "changelist") for label, model in by_label.items()}
    for number in range(10):
        desk.populate(number)
    for url in lists.values():
        root.get(url)  # content types and the like are looked up once
    few = {label: queries_of(root, url) for label, url in lists.items()}
    for number in range(10, 100):
        desk.populate(number)
    assert {label: queries_of(root, url) for label, url in lists.items()} == few
    assert max(few.values()) < 12


def queries_of(client: Client, url: str) -> int:
    with CaptureQueriesContext(connection) as context:
        assert client.get(url).status_code == 200
    return len(context)


def test_nothing_secret_is_on_any_page(root: Client) -> None:
    made = desk.populate(7)
    hidden = {
        "the canary": desk.CANARY,
        "a token": made["token"],
        "a token's digest": hashlib.sha256(made["token"].encode()).hexdigest(),
        "a device's digest": bytes(Device.objects.get().digest).hex(),
        "a device's digest as Python writes it": repr(bytes(Device.objects.get().digest))[2:-1],
        "a session's digest as Python writes it": repr(bytes(Session.objects.get().token_digest))[2:-1],
    }
    seen = 0
    for model in OURS:
        urls = [page_of(model, "changelist")]
        urls += [page_of(model, "change", row.pk) for row in model._base_manager.all()[:5]]
        for url in urls:
            page = root.get(url)
            assert page.status_code == 200, url
            text = page.content.decode()
            for what, value in hidden.items():
                assert value not in text, f"{what} on {url}"
            seen += 1
    assert seen > 2 * len(OURS) - 1


def test_a_build_graph_says_how_much_of_it_is_shown(root: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buildgraphs.admin, "SHOWN", 2)
    graph = factories.build_graph(None, "Shopping list", "Dark mode")
    for key in ("one", "two", "three"):
        factories.build_node(graph, key)
    text = root.get(page_of(BuildGraph, "change", graph.pk)).content.decode()
    assert "<p>2 of 3</p>" in text
    assert "<details><summary>2</summary>" in text
    assert "&quot;label&quot;" not in text


@pytest.mark.parametrize("label", sorted(model._meta.label for model in READ_ONLY))
def test_fields_are_chosen_one_by_one(label: str) -> None:
    model_admin = READ_ONLY[by_label[label]]
    fields = {name for name in (model_admin.fields or ()) if isinstance(name, str)}
    assert fields, "without a list, a new column would be shown unasked"
    shown = fields | {name for name in model_admin.list_display if isinstance(name, str)}
    assert not shown & SECRET_COLUMNS
    binary = {field.name for field in model_admin.model._meta.fields if isinstance(field, models.BinaryField)}
    assert not shown & binary


@pytest.mark.parametrize("label", sorted(model._meta.label for model in READ_ONLY))
def test_nothing_can_be_changed(root: Client, label: str) -> None:
    model = by_label[label]
    assert isinstance(READ_ONLY[model], base.ReadOnlyAdmin)
    desk.populate(1)
    row = model._base_manager.first()
    assert row is not None
    before = model._base_manager.values().get(pk=row.pk)
    for url in (page_of(model, "add"), page_of(model, "change", row.pk), page_of(model, "delete", row.pk)):
        assert root.post(url, {"post": "yes", "_save": "1"}).status_code == 403
    root.post(page_of(model, "changelist"), {"action": "delete_selected", "_selected_action": [row.pk]})
    assert model._base_manager.values().get(pk=row.pk) == before


@pytest.mark.parametrize("label", sorted(model._meta.label for model in READ_ONLY))
def test_a_search_is_answered_by_equality(root: Client, label: str) -> None:
    desk.populate(1)
    url = page_of(by_label[label], "changelist")
    for term in (
        "user_1",
        "7",
        "00000000-0000-4000-8000-000000000000",
        "'; --",
        "99999999999999999999",
        "\u0130",
    ):
        assert root.get(url, {"q": term}).status_code == 200


def test_a_search_finds_what_it_names(root: Client) -> None:
    desk.populate(1)
    desk.populate(2)
    stream = Stream.objects.latest("created_at")
    for term in (str(stream.pk), stream.owner_id):
        page = root.get(page_of(Stream, "changelist"), {"q": term})
        assert [found.pk for found in page.context["cl"].result_list] == [stream.pk]
    assert not root.get(page_of(Stream, "changelist"), {"q": str(stream.pk)[:8]}).context["cl"].result_list


def test_counting_stops(root: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "COUNT_CAP", 3)
    for number in range(5):
        desk.populate(number)
    page = root.get(page_of(Session, "changelist"))
    assert page.context["cl"].result_count == 3


def test_a_stream_shows_its_last_events(root: Client) -> None:
    desk.populate(1)
    stream = Stream.objects.get(channel="research")
    text = root.get(page_of(Stream, "change", stream.pk)).content.decode()
    assert "at work" in text
    assert "search" in text


def test_events_are_escaped(root: Client) -> None:
    desk.populate(1)
    stream = Stream.objects.get(channel="research")
    stream.events.create(seq=2, type="progress", data={"message": "<script>alert(1)</script>"})
    text = root.get(page_of(Stream, "change", stream.pk)).content.decode()
    assert "<script>alert(1)" not in text
    assert "&lt;script&gt;alert(1)" in text


@pytest.mark.parametrize("label", sorted(by_label))
def test_who_may_look(label: str) -> None:
    """A stranger is sent to the login; staff without the permission see nothing."""
    url = page_of(by_label[label], "changelist")
    assert Client().get(url).status_code == 302
    assert desk.browser(desk.staff("newcomer")).get(url).status_code == 403
    model = by_label[label]
    viewer = desk.staff("viewer", f"{model._meta.app_label}.view_{model._meta.model_name}")
    assert desk.browser(viewer).get(url).status_code == 200


def test_a_token_of_the_api_opens_nothing() -> None:
    token = desk.populate(1)["token"]
    client = Client(headers={"Authorization": f"Bearer {token}"})
    assert client.get(reverse("admin:index")).status_code == 302
