"""The database's part: triggers on every owned table, and guards that no table is forgotten."""

from __future__ import annotations

import uuid

import pytest
from django.apps import apps
from django.db import connection, models

from accounts import ownership
from accounts.models import OwnedModel, Principal, Profile
from realtime.models import Stream
from tests import factories
from tests.rebind import actors

pytestmark = pytest.mark.django_db
OWNED = ownership.owned_models()


def points_at_a_principal(model: type[models.Model]) -> bool:
    return any(
        isinstance(field, models.ForeignKey) and field.related_model is Principal and field.name == "owner"
        for field in model._meta.get_fields()
    )


def names_the_owner(model: type[models.Model]) -> bool:
    groups = [*model._meta.unique_together]
    groups += [c.fields for c in model._meta.constraints if isinstance(c, models.UniqueConstraint)]
    return any("owner" in group for group in groups) or bool(model._meta.get_field("owner").unique)


def test_every_model_with_an_owner_is_found() -> None:
    with_owner = {model for model in apps.get_models() if points_at_a_principal(model)}
    assert with_owner == {*OWNED, Profile}


def test_the_registry_is_not_empty() -> None:
    assert len(OWNED) >= 9


@pytest.mark.parametrize("model", OWNED, ids=lambda model: model._meta.label)
def test_a_table_that_can_collide_says_how_it_is_settled(model: type[OwnedModel]) -> None:
    if names_the_owner(model):
        assert "merge" in vars(model), f"{model._meta.label}.merge must settle equal rows of two owners"


@pytest.mark.parametrize("model", OWNED, ids=lambda model: model._meta.label)
def test_the_tests_have_a_row_of_every_table(model: type[OwnedModel]) -> None:
    assert model in actors.one_of_everything(factories.principal())


def test_every_owned_table_has_the_trigger() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE tgname = ANY(%s)",
            [[ownership.OWNER_TRIGGER, ownership.SESSION_TRIGGER]],
        )
        present = set(cursor.fetchall())
    assert present == set(ownership.wanted_triggers())


def test_installing_again_changes_nothing() -> None:
    with connection.cursor() as cursor:
        assert ownership.missing_parts(cursor) == []
    ownership.install()


def test_installing_puts_back_what_is_missing() -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER {ownership.OWNER_TRIGGER} ON realtime_stream")
        assert len(ownership.missing_parts(cursor)) == 1
        ownership.install()
        assert ownership.missing_parts(cursor) == []


@pytest.fixture
def rebound() -> Principal:
    """An anonymous principal whose rows went to a user."""
    user = Principal.objects.create(id="user_grace")
    principal = factories.principal()
    Principal.objects.filter(id=principal.id).update(rebound_to=user)
    return principal


def test_whatever_is_inserted_late_goes_to_the_user(rebound: Principal) -> None:
    rows = actors.one_of_everything(rebound)
    Profile.objects.create(owner=rebound)
    assert actors.rows_owned_by(rebound.id) == {}
    owners = {model._base_manager.get(pk=row.pk).owner_id for model, row in rows.items()}
    assert owners == {"user_grace"}


def test_a_stale_instance_does_not_carry_its_old_owner_back(rebound: Principal) -> None:
    stream = factories.stream(Principal.objects.get(id="user_grace"))
    stream.owner = rebound  # as read before the rebind
    stream.title = "new"
    stream.save()
    stored = Stream.objects.get()
    assert (stored.owner_id, stored.title) == ("user_grace", "new")


def test_a_living_principals_rows_stay_its_own() -> None:
    principal = factories.principal()
    assert Stream.objects.get(pk=factories.stream(principal).pk).owner_id == principal.id


def test_counts_are_one_query_and_capped(
    django_assert_num_queries: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, other = factories.principal(), factories.principal()
    for _ in range(4):
        factories.stream(owner)
    monkeypatch.setattr(ownership, "COUNT_CAP", 2)
    with django_assert_num_queries(1):  # type: ignore[operator]
        found = ownership.counts([owner.id, other.id])
    assert found["realtime.stream"] == {owner.id: 3, other.id: 0}


def test_dependents_follow_what_they_hang_from() -> None:
    owner, stranger = Principal.objects.create(id="user_grace"), factories.principal()
    rows = {model._meta.label_lower: row for model, row in actors.one_of_everything(owner).items()}
    foreign = factories.stream(stranger)
    stream_id = str(rows["realtime.stream"].pk)
    keys = {"realtime.stream": [stream_id, str(foreign.pk), str(uuid.uuid4())], "gone.table": [1]}
    assert ownership.with_dependents(keys, owner.id) == {
        "realtime.stream": [stream_id],
        "projects.clip": [str(rows["projects.clip"].pk)],
        "research.card": [str(rows["research.card"].pk)],
        "research.researchjob": [stream_id],
        "research.evidence": [str(rows["research.evidence"].pk)],
    }
