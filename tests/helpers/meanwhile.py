"""What others do between two statements of ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection


@contextmanager
def before(part: str, act: Callable[[], object]) -> Iterator[None]:
    """`act` happens once, right before this connection's first statement that has `part` in it."""
    pending = [act]

    def look(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if pending and part in sql:
            pending.pop()()
        return execute(sql, params, many, context)

    with connection.execute_wrapper(look):
        yield
    assert not pending, f"no statement has {part}"
