"""What a search source answers, or why it does not."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any, Protocol

MAX_TEXT = 2000  # characters of a title or snippet that are kept


@dataclass(frozen=True, slots=True)
class Found:
    """A page that a source knows. Its text is not proof of anything: the page itself is read."""

    url: str
    title: str
    snippet: str = ""
    published_on: datetime.date | None = None

    @classmethod
    def of(cls, row: dict[str, Any], *, url: str, title: str, snippet: str = "", date: str = "") -> Found:
        """From a source's own row: the names under which it has each part."""
        return cls(text(row.get(url)), text(row.get(title)), text(row.get(snippet)), day(row.get(date)))


class SearchError(Exception):
    """The source gave no results. `permanent`: it will not until somebody changes the configuration."""

    def __init__(self, message: str, *, permanent: bool = False) -> None:
        self.permanent = permanent
        super().__init__(message)


class SearchSource(Protocol):
    """One place to ask."""

    @property
    def name(self) -> str: ...

    async def search(self, query: str, limit: int) -> list[Found]:
        """At most `limit` pages, best first. Raises SearchError."""


def rows(data: Any, *path: str) -> list[dict[str, Any]]:
    """The objects of the list under that path; nothing where the answer has another shape."""
    for name in path:
        data = data.get(name) if isinstance(data, dict) else None
    return [row for row in data if isinstance(row, dict)] if isinstance(data, list) else []


def text(value: Any) -> str:
    return " ".join(value.split())[:MAX_TEXT] if isinstance(value, str) else ""


def day(value: Any) -> datetime.date | None:
    """The date at the beginning of a text, None when there is none."""
    try:
        return datetime.date.fromisoformat(value[:10]) if isinstance(value, str) else None
    except ValueError:
        return None
