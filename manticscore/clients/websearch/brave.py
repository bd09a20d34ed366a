from __future__ import annotations

from dataclasses import dataclass, field

from manticscore.clients.websearch.http import ask
from manticscore.clients.websearch.results import Found, rows

LONGEST_QUERY = 400  # characters
MOST_WORDS = 50


@dataclass(frozen=True, slots=True)
class Brave:
    url: str
    key: str = field(repr=False)
    name: str = "brave"

    async def search(self, query: str, limit: int) -> list[Found]:
        asked = " ".join(query[:LONGEST_QUERY].split()[:MOST_WORDS])
        params = {"q": asked, "count": min(limit, 20), "text_decorations": "false", "search_lang": "en"}
        headers = {"X-Subscription-Token": self.key}
        data = await ask("GET", f"{self.url}/res/v1/web/search", params=params, headers=headers)
        return [
            Found.of(row, url="url", title="title", snippet="description", date="page_age")
            for row in rows(data, "web", "results")[:limit]
        ]
