"""How the admin shows tables of any size: read-only, with bounded queries, and nothing secret.

Every admin names its fields, so that a new column is hidden until somebody decides to show it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import Field, Q, QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

COUNT_CAP = 10_000  # rows that paging reaches; beyond them one searches
LONGEST_TEXT = 300

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
    AnyPaginator = Paginator[Any]
else:
    ModelAdmin = admin.ModelAdmin
    AnyPaginator = Paginator


class CappedPaginator(AnyPaginator):
    """Counts no further than COUNT_CAP, so that a page of a huge table costs what it shows."""

    @cached_property
    def count(self) -> int:
        rows: QuerySet[Any] = self.object_list  # type: ignore[assignment]
        return rows.order_by()[:COUNT_CAP].count()


class ReadOnlyAdmin(ModelAdmin):
    """Look, search for exact values, filter; change nothing."""

    actions: Any = None
    list_per_page = 50
    list_max_show_all = 0
    paginator = CappedPaginator
    show_full_result_count = False
    sortable_by = ()  # most columns have no index to sort by
    search_help_text = "Whole values only, as an owner's id."

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Equality on indexed columns: a search in substrings would read the whole table."""
        term = search_term.strip()
        if not term:
            return queryset, False
        found = Q(pk__in=[])
        for name in self.get_search_fields(request):
            field = self.model._meta.get_field(name)
            try:
                found |= Q(**{name: target_of(field).to_python(term)})
            except ValidationError:
                continue  # not a value of that kind
        return queryset.filter(found), False


def target_of(field: Any) -> Field[Any, Any]:
    """The column's own type: for a foreign key that of the key it refers to."""
    while field.remote_field is not None:
        field = field.target_field
    return field  # type: ignore[no-any-return]


def table(headings: Iterable[str], rows: Iterable[Iterable[Any]]) -> SafeString:
    """Rows as an HTML table, every value escaped."""
    head = format_html_join("", "<th>{}</th>", ((heading,) for heading in headings))
    body = format_html_join("", "<tr>{}</tr>", ((cells(row),) for row in rows))
    return format_html("<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>", head, body)


def cells(row: Iterable[Any]) -> SafeString:
    return format_html_join("", "<td>{}</td>", ((shortened(value),) for value in row))


def shortened(value: Any) -> Any:
    """Long values cut, JSON as JSON."""
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value
    if isinstance(text, str) and len(text) > LONGEST_TEXT:
        return text[:LONGEST_TEXT] + "…"
    return text
