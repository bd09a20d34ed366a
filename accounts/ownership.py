"""Whose rows are whose: every owned table, how rows change hands, and the database's part in it.

A rebind locks the anonymous principal, moves its rows and marks it as rebound. A writer that was
already under way can still insert in its name afterwards. So the database itself looks at the principal
before it stores such a row: the trigger waits for a rebind that is running and then writes the row in
the user's name. It fires for anonymous owners only and sits on every owned table, found in the app
registry after each migration, so a new table is covered without anybody having to think of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db import connection, models, transaction
from django.db.backends.utils import CursorWrapper

from accounts.models import OwnedModel, Principal, Profile
from manticscore.lib.faults import crash_point

Keys = dict[str, list[Any]]  # primary keys by model label; a composite key is a list

COUNT_CAP = 10_000  # where counting for people stops
CHUNK = 2_000  # primary keys in one statement
INSTALL_LOCK = 7_305_002  # advisory lock: processes that migrate at once install one after the other

OWNER_TRIGGER = "owner_after_rebind"
OWNER_FUNCTION = "accounts_owner_after_rebind"
# FOR SHARE makes the writer wait for a rebind, and READ COMMITTED then shows it the rebound row. An update
# fires it too: a model instance that was read before the rebind would carry its old owner back in.
OWNER_FUNCTION_BODY = """
DECLARE heir text;
BEGIN
    SELECT rebound_to_id INTO heir FROM accounts_principal WHERE id = NEW.owner_id FOR SHARE;
    IF heir IS NOT NULL THEN
        NEW.owner_id := heir;
    END IF;
    RETURN NEW;
END
"""
SESSION_TRIGGER = "session_after_rebind"
SESSION_FUNCTION = "accounts_session_after_rebind"
# A session must not pass to the user: a device id would then open a signed-in person's data.
SESSION_FUNCTION_BODY = """
DECLARE heir text;
BEGIN
    SELECT rebound_to_id INTO heir FROM accounts_principal WHERE id = NEW.principal_id FOR SHARE;
    IF heir IS NOT NULL THEN
        NEW.revoked_at := now();
    END IF;
    RETURN NEW;
END
"""
FUNCTIONS = {OWNER_FUNCTION: OWNER_FUNCTION_BODY, SESSION_FUNCTION: SESSION_FUNCTION_BODY}


def owned_models() -> list[type[OwnedModel]]:
    """Every model whose rows have an owner, in the order of the registry."""
    return [
        model
        for model in apps.get_models()
        if issubclass(model, OwnedModel) and model._meta.managed and not model._meta.proxy
    ]


def owned_tables() -> list[type[models.Model]]:
    """The owned models and the profile, whose owner is also its key."""
    return [*owned_models(), Profile]


def by_label() -> dict[str, type[OwnedModel]]:
    return {model._meta.label_lower: model for model in owned_models()}


def lock_principal(principal_id: str) -> Principal:
    """The principal's row, locked so that nobody gives rows to it or takes rows from it meanwhile.

    A user who is known by a token only, and has no row yet, gets one. Their own work is not held up;
    an anonymous principal's writers wait.
    """
    anonymous = Principal(id=principal_id).is_anonymous_device
    rows = Principal.objects.select_for_update(no_key=not anonymous)
    principal = rows.filter(id=principal_id).first()
    if principal is None:
        Principal.objects.bulk_create([Principal(id=principal_id)], ignore_conflicts=True)
        principal = rows.get(id=principal_id)
    return principal


def has_rows(principal_id: str) -> bool:
    return any(rows_of(model, principal_id).exists() for model in owned_models())


def rows_of(model: type[OwnedModel], owner_id: str) -> models.QuerySet[Any]:
    return model._base_manager.filter(owner_id=owner_id)


def move_everything(source_id: str, target_id: str) -> Keys:
    """Give all rows of one principal to another, table by table; both are locked by the caller.

    What would collide with a row of the target is settled by the model's own `merge` first.
    """
    moved: Keys = {}
    for label, model in by_label().items():
        model.merge(source_id, target_id)
        keys = move_table(model, source_id, target_id)
        if keys:
            moved[label] = keys
        crash_point(f"rebind:{label}")
    return moved


def move_table(model: type[OwnedModel], source_id: str, target_id: str) -> list[Any]:
    """Move a table's rows in one statement and return their primary keys."""
    quote = connection.ops.quote_name
    key = ", ".join(quote(str(field.column)) for field in model._meta.pk_fields)
    update = f"UPDATE {quote(model._meta.db_table)} SET owner_id = %s WHERE owner_id = %s RETURNING {key}"
    with connection.cursor() as cursor:
        cursor.execute(update, [target_id, source_id])
        return [as_json(row if len(row) > 1 else row[0]) for row in cursor.fetchall()]


def move_profile(source_id: str, target_id: str) -> int:
    """A person has one profile: the target's own stays, else it becomes the source's. The number moved."""
    if Profile.objects.filter(owner_id=target_id).exists():
        Profile.objects.filter(owner_id=source_id).delete()
        return 0
    return Profile.objects.filter(owner_id=source_id).update(owner_id=target_id)


def move_keys(model: type[OwnedModel], keys: Iterable[Any], source_id: str, target_id: str) -> list[Any]:
    """Move those of the rows that still belong to the source; return their primary keys."""
    moved: list[Any] = []
    for chunk in chunks(keys):
        rows = rows_of(model, source_id).filter(pk__in=chunk)
        found = list(rows.select_for_update().order_by("pk").values_list("pk", flat=True))
        for part in chunks(found):
            model._base_manager.filter(pk__in=part).update(owner_id=target_id)
        moved += [as_json(key) for key in found]
    return moved


def with_dependents(keys: Mapping[str, Sequence[Any]], owner_id: str) -> Keys:
    """Those of the rows that `owner_id` owns, and the owner's rows that hang from them.

    A job goes with its evidence, also with what was written after the job had changed hands.
    """
    labels = by_label()
    found: dict[str, dict[str, Any]] = {}
    fresh = {
        label: existing_keys(labels[label], owner_id, "pk__in", values)
        for label, values in keys.items()
        if label in labels
    }
    while any(fresh.values()):
        for label, values in fresh.items():
            found.setdefault(label, {}).update((str(value), value) for value in values)
        fresh = {
            label: [
                key for key in hanging_from(fresh, model, owner_id) if str(key) not in found.get(label, {})
            ]
            for label, model in labels.items()
        }
    return {label: list(found[label].values()) for label in labels if found.get(label)}


def hanging_from(parents: Mapping[str, Sequence[Any]], model: type[OwnedModel], owner_id: str) -> list[Any]:
    """Keys of a model's rows that point at one of the parents."""
    keys: dict[str, Any] = {}
    for field in model._meta.get_fields():
        if not isinstance(field, models.ForeignKey) or field.name == "owner":
            continue
        values = parents.get(field.related_model._meta.label_lower)
        if values:
            for key in existing_keys(model, owner_id, f"{field.name}__in", values):
                keys[str(key)] = key
    return list(keys.values())


def existing_keys(model: type[OwnedModel], owner_id: str, lookup: str, values: Sequence[Any]) -> list[Any]:
    keys: list[Any] = []
    for chunk in chunks(values):
        rows = rows_of(model, owner_id).filter(**{lookup: chunk}).order_by("pk")
        keys += [as_json(key) for key in rows.values_list("pk", flat=True)]
    return keys


def counts(principal_ids: Sequence[str]) -> dict[str, dict[str, int]]:
    """How many rows of each table each principal owns, in one query; counting stops beyond COUNT_CAP."""
    quote = connection.ops.quote_name
    parts = [
        f"SELECT %s, p.id, (SELECT count(*) FROM (SELECT 1 FROM {quote(model._meta.db_table)}"
        f" WHERE owner_id = p.id LIMIT {COUNT_CAP + 1}) capped) FROM unnest(%s::text[]) p (id)"
        for model in owned_tables()
    ]
    labels = [model._meta.label_lower for model in owned_tables()]
    parameters = [value for label in labels for value in (label, list(principal_ids))]
    found: dict[str, dict[str, int]] = {label: {} for label in labels}
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts), parameters)
        for label, principal_id, count in cursor.fetchall():
            found[label][principal_id] = count
    return found


def as_json(key: Any) -> Any:
    """A primary key as JSON can hold it and as a lookup takes it back."""
    if isinstance(key, tuple | list):
        return [as_json(part) for part in key]
    return str(key) if isinstance(key, UUID) else key


def chunks(values: Iterable[Any]) -> Iterator[list[Any]]:
    values = [tuple(value) if isinstance(value, list) else value for value in values]
    for start in range(0, len(values), CHUNK):
        yield values[start : start + CHUNK]


def install(**_: Any) -> None:
    """Put the functions and triggers in place; after every migration, and without effect when they are."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [INSTALL_LOCK])
        for statement in missing_parts(cursor):
            cursor.execute(statement)


def missing_parts(cursor: CursorWrapper) -> list[str]:
    """The statements that this database still needs. Tables that are not there yet are passed over."""
    cursor.execute("SELECT proname, prosrc FROM pg_proc WHERE proname = ANY(%s)", [list(FUNCTIONS)])
    present = dict(cursor.fetchall())
    statements = [
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $${body}$$"
        for name, body in FUNCTIONS.items()
        if present.get(name) != body
    ]
    cursor.execute(
        "SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE tgname = ANY(%s)",
        [[OWNER_TRIGGER, SESSION_TRIGGER]],
    )
    triggers = set(cursor.fetchall())
    tables = set(connection.introspection.table_names(cursor))
    return statements + [
        create
        for (table, name), create in wanted_triggers().items()
        if table in tables and (table, name) not in triggers
    ]


def wanted_triggers() -> dict[tuple[str, str], str]:
    """CREATE TRIGGER by table and name."""
    wanted = {
        ("accounts_session", SESSION_TRIGGER): (
            f"CREATE TRIGGER {SESSION_TRIGGER} BEFORE INSERT ON accounts_session FOR EACH ROW"
            f" WHEN (NEW.principal_id LIKE 'anon:%') EXECUTE FUNCTION {SESSION_FUNCTION}()"
        )
    }
    for model in owned_tables():
        table = model._meta.db_table
        wanted[table, OWNER_TRIGGER] = (
            f"CREATE TRIGGER {OWNER_TRIGGER} BEFORE INSERT OR UPDATE OF owner_id"
            f" ON {connection.ops.quote_name(table)} FOR EACH ROW"
            f" WHEN (NEW.owner_id LIKE 'anon:%') EXECUTE FUNCTION {OWNER_FUNCTION}()"
        )
    return wanted
