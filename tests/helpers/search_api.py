"""Search APIs on this machine that answer in the shape each real one has, and note what they were asked."""

from __future__ import annotations

import json
from typing import Any

from tests.helpers.sites import Site, answer

RESULT = {"title": "Mealie", "text": "plans meals", "url": "https://mealie.example/", "day": "2026-05-04"}
SHAPES: dict[str, Any] = {
    "/searxng/search": {
        "results": [
            {
                "url": RESULT["url"],
                "title": "Mealie",
                "content": "plans meals",
                "publishedDate": "2026-05-04T00:00:00",
            }
        ]
    },
    "/tavily/search": {
        "results": [
            {
                "url": RESULT["url"],
                "title": "Mealie",
                "content": "plans meals",
                "published_date": "2026-05-04",
            }
        ]
    },
    "/brave/res/v1/web/search": {
        "web": {
            "results": [
                {
                    "url": RESULT["url"],
                    "title": "Mealie",
                    "description": "plans meals",
                    "page_age": "2026-05-04T09:00",
                }
            ]
        }
    },
    "/exa/search": {
        "results": [{"url": RESULT["url"], "title": "Mealie", "publishedDate": "2026-05-04T00:00:00.000Z"}]
    },
    "/wikipedia/w/rest.php/v1/search/page": {
        "pages": [
            {
                "key": "Mealie_(software)",
                "title": "Mealie (software)",
                "excerpt": 'plans <span class="searchmatch">meals</span> &amp; more',
                "description": "Recipe manager",
            },
            {"key": None, "title": "no page"},
        ]
    },
    "/hackernews/api/v1/search": {
        "hits": [
            {"objectID": "41", "title": "Mealie", "url": RESULT["url"], "created_at": "2026-05-04T10:00:00Z"},
            {"objectID": "42", "title": "Ask HN: Meals?", "url": None, "story_text": "plans meals"},
        ]
    },
    "/github/search/repositories": {
        "items": [
            {
                "html_url": "https://github.com/mealie/mealie",
                "full_name": "mealie/mealie",
                "description": "plans meals",
                "pushed_at": "2026-05-04T10:00:00Z",
            }
        ]
    },
}


def serve(site: Site) -> None:
    """Let the site answer for all APIs, each under its own path."""
    known = site.answer

    def any_query(path: str) -> Any:
        shape = SHAPES.get(path.partition("?")[0])
        return (
            known(path)
            if shape is None or path in site.pages
            else answer(json.dumps(shape), type="application/json")
        )

    site.answer = any_query  # type: ignore[method-assign]
