from __future__ import annotations

import html
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from manticscore.clients.websearch.http import ask
from manticscore.clients.websearch.results import Found, rows, text

MARKUP = re.compile(r"<[^<>]{0,200}>")


@dataclass(frozen=True, slots=True)
class Wikipedia:
    """Asks to be told who is asking, and for one question at a time."""

    url: str
    agent: str
    name: str = "wikipedia"

    async def search(self, query: str, limit: int) -> list[Found]:
        params = {"q": query[:300], "limit": limit}
        headers = {"User-Agent": self.agent}
        data = await ask("GET", f"{self.url}/w/rest.php/v1/search/page", params=params, headers=headers)
        return [self._found(row) for row in rows(data, "pages")[:limit] if isinstance(row.get("key"), str)]

    def _found(self, row: dict[str, Any]) -> Found:
        excerpt = html.unescape(MARKUP.sub("", text(row.get("excerpt"))))
        snippet = f"{text(row.get('description'))} {excerpt}".strip()
        return Found(f"{self.url}/wiki/{quote(row['key'], safe='')}", text(row.get("title")), snippet)
