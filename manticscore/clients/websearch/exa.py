from __future__ import annotations

from dataclasses import dataclass, field

from manticscore.clients.websearch.http import ask
from manticscore.clients.websearch.results import Found, rows


@dataclass(frozen=True, slots=True)
class Exa:
    """Asked for companies, which is what a market is made of."""

    url: str
    key: str = field(repr=False)
    name: str = "exa"

    async def search(self, query: str, limit: int) -> list[Found]:
        body = {"query": query, "type": "auto", "category": "company", "numResults": limit}
        data = await ask("POST", f"{self.url}/search", body=body, headers={"x-api-key": self.key})
        return [
            Found.of(row, url="url", title="title", date="publishedDate")
            for row in rows(data, "results")[:limit]
        ]
