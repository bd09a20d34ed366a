from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from manticscore.clients.websearch.http import ask
from manticscore.clients.websearch.results import Found, day, rows, text

# Its search wants every word, so a sentence finds nothing.
MOST_WORDS = 4


@dataclass(frozen=True, slots=True)
class HackerNews:
    """Stories by Algolia's index. A story without a link of its own is its discussion."""

    url: str
    name: str = "hackernews"

    async def search(self, query: str, limit: int) -> list[Found]:
        params = {"query": " ".join(query.split()[:MOST_WORDS]), "tags": "story", "hitsPerPage": limit}
        data = await ask("GET", f"{self.url}/api/v1/search", params=params)
        return [self._found(row) for row in rows(data, "hits")[:limit]]

    def _found(self, row: dict[str, Any]) -> Found:
        discussion = f"https://news.ycombinator.com/item?id={row.get('objectID')}"
        url = text(row.get("url")) or discussion
        return Found(url, text(row.get("title")), text(row.get("story_text")), day(row.get("created_at")))
