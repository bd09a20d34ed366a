"""Lists in pages, newest first. A page begins after the last item of the one before it, not at a number:
nothing is shown twice and nothing is passed over when rows come or go. One that is changed meanwhile
moves to the top, where the next look at the first page finds it."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar
from uuid import UUID

from django.db.models import BooleanField, Model, QuerySet
from django.db.models.expressions import RawSQL

from manticscore import errors

BEFORE = "({table}.{at}, {table}.{key}) < (%s, %s)"  # one comparison of rows, which the index answers
Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page ended."""

    at: datetime
    id: UUID

    def __str__(self) -> str:
        text = f"{self.at.astimezone(UTC).isoformat()} {self.id}"
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def parse(cls, cursor: str) -> Place:
        """Raises Unprocessable for anything that is no cursor of ours."""
        try:
            text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
            at, _, row_id = text.partition(" ")
            place = cls(datetime.fromisoformat(at).astimezone(UTC), UUID(row_id))
        except (binascii.Error, ValueError, OverflowError):
            raise errors.Unprocessable("cursor is not one that a list gave") from None
        return place


def page(
    rows: QuerySet[Row], after: Place | None, limit: int, at: str = "updated_at"
) -> tuple[list[Row], Place | None]:
    """At most `limit` rows by their time `at`, and where the next page begins if there is one."""
    if after is not None:
        names = {"table": rows.model._meta.db_table, "at": at, "key": rows.model._meta.pk.column}
        before = RawSQL(BEFORE.format(**names), [after.at, after.id], output_field=BooleanField())
        rows = rows.filter(before)
    found = list(rows.order_by(f"-{at}", "-pk")[: limit + 1])
    if len(found) <= limit:
        return found, None
    last = found[limit - 1]
    return found[:limit], Place(getattr(last, at), last.pk)
