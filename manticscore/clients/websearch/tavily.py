from __future__ import annotations

from dataclasses import dataclass, field

from manticscore.clients.websearch.http import ask
from manticscore.clients.websearch.results import Found, rows

LONGEST_QUERY = 400  # characters; a longer one is answered 400


@dataclass(frozen=True, slots=True)
class Tavily:
    url: str
    key: str = field(repr=False)
    name: str = "tavily"

    async def search(self, query: str, limit: int) -> list[Found]:
        body = {
            "query": query[:LONGEST_QUERY],
            "search_depth": "basic",
            "topic": "general",
            "max_results": limit,
        }
        headers = {"Authorization": f"Bearer {self.key}"}
        data = await ask("POST", f"{self.url}/search", body=body, headers=headers)
        return [
            Found.of(row, url="url", title="title", snippet="content", date="published_date")
            for row in rows(data, "results")[:limit]
        ]
