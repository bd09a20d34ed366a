"""Every row that belongs to somebody is found when its owner changes or goes."""

from __future__ import annotations

import io

import pytest
from django.apps import apps
from django.conf import LazySettings
from django.core.management import call_command
from django.db import connection, models

from accounts.models import Device, OwnedModel, Principal, Profile, Rebind, RebindConflict, Session
from realtime.models import Connection

OUR_APPS = {"manticscore", "accounts", "realtime", "projects", "research", "buildgraphs", "forge", "chat"}
# These refer to a principal without being its work: they say who somebody is, or who became whom.
IDENTITY = {Connection, Device, Principal, Profile, Rebind, RebindConflict, Session}
OWNER_NAMES = {"owner", "owner_id", "user", "user_id", "principal", "principal_id", "account", "account_id"}


def ours() -> list[type[models.Model]]:
    found = [model for model in apps.get_models() if model._meta.app_label in OUR_APPS]
    assert len(found) >= 10
    return found


def owned() -> list[type[OwnedModel]]:
    return [model for model in ours() if issubclass(model, OwnedModel)]


def test_owned_models_have_an_owner_who_is_a_principal() -> None:
    assert owned()
    for model in owned():
        field = model._meta.get_field("owner")
        assert isinstance(field, models.ForeignKey)
        assert (field.related_model, field.null, field.column) == (Principal, False, "owner_id"), model


def test_whatever_refers_to_a_principal_is_owned_or_identity() -> None:
    for model in ours():
        refers = [f.name for f in model._meta.concrete_fields if f.related_model is Principal]
        if refers and not issubclass(model, OwnedModel):
            assert model in IDENTITY, f"{model.__name__}.{refers[0]}"
        if issubclass(model, OwnedModel):
            assert refers == ["owner"], f"{model.__name__} refers to principals by {refers}"


def test_nobody_is_named_by_a_plain_column() -> None:
    for model in ours():
        for field in model._meta.concrete_fields:
            if field.name in OWNER_NAMES:
                assert field.is_relation, f"{model.__name__}.{field.name}"


@pytest.mark.django_db
def test_the_database_itself_ties_owners() -> None:
    """The tables that hold a foreign key to a principal are the ones that the models say."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT conrelid::regclass::text FROM pg_constraint"
            " WHERE contype = 'f' AND confrelid = 'accounts_principal'::regclass"
        )
        tables = sorted(row[0] for row in cursor.fetchall())
    assert tables == sorted(model._meta.db_table for model in {*owned(), *IDENTITY})


@pytest.mark.django_db
def test_every_owner_column_is_indexed_for_its_queries() -> None:
    for model in owned():
        with connection.cursor() as cursor:
            constraints = connection.introspection.get_constraints(cursor, model._meta.db_table)
        leading = {next(iter(c["columns"])) for c in constraints.values() if c["index"] and c["columns"]}
        assert "owner_id" in leading, model


@pytest.mark.django_db
def test_migrations_are_complete() -> None:
    output = io.StringIO()
    call_command("makemigrations", "--check", "--dry-run", stdout=output)
    assert output.getvalue() == "No changes detected\n"


@pytest.mark.django_db
def test_everything_is_applied() -> None:
    output = io.StringIO()
    call_command("showmigrations", "--plan", stdout=output)
    assert "[X]" in output.getvalue()
    assert "[ ]" not in output.getvalue()


def test_system_checks_find_nothing(settings: LazySettings) -> None:
    settings.CLERK_ISSUER = "https://clerk.example.com"  # the tests' own settings let nobody sign in
    settings.CLERK_AUTHORIZED_PARTIES = ["https://app.example.com"]
    call_command("check", fail_level="INFO")
