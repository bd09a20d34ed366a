"""Moving the database's clock, for one connection."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from django.db import connection


@contextmanager
def database_clock(moment: datetime) -> Iterator[None]:
    """`now()` is this moment inside the block. Needs a transaction, which takes the change back."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA IF NOT EXISTS clock")
        cursor.execute(
            f"CREATE OR REPLACE FUNCTION clock.now() RETURNS timestamptz LANGUAGE sql STABLE"
            f" AS $$ SELECT '{moment.isoformat()}'::timestamptz $$"
        )
        cursor.execute("SET LOCAL search_path = clock, pg_catalog, public")
        try:
            yield
        finally:
            cursor.execute("SET LOCAL search_path = public")
