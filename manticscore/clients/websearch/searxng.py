from __future__ import annotations

from dataclasses import dataclass

from manticscore.clients.websearch.http import ask
from manticscore.clients.websearch.results import Found, SearchError, rows


@dataclass(frozen=True, slots=True)
class SearXNG:
    """The operator's own instance; `search.formats` in its settings must list json."""

    url: str
    name: str = "searxng"

    async def search(self, query: str, limit: int) -> list[Found]:
        params = {"q": query, "format": "json", "language": "en", "safesearch": 1}
        try:
            data = await ask("GET", f"{self.url}/search", params=params)
        except SearchError as error:
            if str(error) == "answered 403":
                raise SearchError("answered 403: is json among its search.formats?", permanent=True) from None
            raise
        return [
            Found.of(row, url="url", title="title", snippet="content", date="publishedDate")
            for row in rows(data, "results")[:limit]
        ]
