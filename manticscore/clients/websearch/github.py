from __future__ import annotations

from dataclasses import dataclass, field

from manticscore.clients.websearch.http import ask
from manticscore.clients.websearch.results import Found, rows

# Its search wants every word, so a sentence finds nothing.
MOST_WORDS = 4


@dataclass(frozen=True, slots=True)
class GitHub:
    """Repositories. Stars only order them: they can be bought."""

    url: str
    agent: str
    token: str = field(default="", repr=False)
    name: str = "github"

    async def search(self, query: str, limit: int) -> list[Found]:
        words = " ".join(query.split()[:MOST_WORDS])
        headers = {
            "User-Agent": self.agent,
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
            **({"Authorization": f"Bearer {self.token}"} if self.token else {}),
        }
        params = {"q": f"{words} in:name,description,readme archived:false", "per_page": limit}
        data = await ask("GET", f"{self.url}/search/repositories", params=params, headers=headers)
        return [
            Found.of(row, url="html_url", title="full_name", snippet="description", date="pushed_at")
            for row in rows(data, "items")[:limit]
        ]
