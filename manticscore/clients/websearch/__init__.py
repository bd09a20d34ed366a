"""Searching the web: every source that is configured, asked side by side.

A source tells where pages are. What they say is read from the pages themselves, by
manticscore.clients.fetch. The URLs of the sources are the operator's, so they may be private ones.
"""

from __future__ import annotations

from django.conf import settings

from manticscore.clients.fetch import user_agent
from manticscore.clients.websearch.asking import HEALTH, Answers, Problem, ask_all
from manticscore.clients.websearch.brave import Brave
from manticscore.clients.websearch.exa import Exa
from manticscore.clients.websearch.github import GitHub
from manticscore.clients.websearch.hackernews import HackerNews
from manticscore.clients.websearch.results import Found, SearchError, SearchSource
from manticscore.clients.websearch.searxng import SearXNG
from manticscore.clients.websearch.tavily import Tavily
from manticscore.clients.websearch.wikipedia import Wikipedia

__all__ = ["HEALTH", "Answers", "Found", "Problem", "SearchError", "SearchSource", "ask_all", "configured"]


def configured() -> list[SearchSource]:
    """The sources that the settings name; none by default."""
    agent = user_agent(settings.FETCH_CONTACT)
    keyed: list[tuple[str, SearchSource]] = [
        (settings.SEARXNG_URL, SearXNG(base(settings.SEARXNG_URL))),
        (settings.TAVILY_API_KEY, Tavily(base(settings.TAVILY_URL), settings.TAVILY_API_KEY)),
        (settings.BRAVE_API_KEY, Brave(base(settings.BRAVE_URL), settings.BRAVE_API_KEY)),
        (settings.EXA_API_KEY, Exa(base(settings.EXA_URL), settings.EXA_API_KEY)),
    ]
    keyless: list[SearchSource] = [
        Wikipedia(base(settings.WIKIPEDIA_URL), agent),
        HackerNews(base(settings.HACKERNEWS_URL)),
        GitHub(base(settings.GITHUB_SEARCH_URL), agent, settings.GITHUB_SEARCH_TOKEN),
    ]
    return [source for present, source in keyed if present] + (keyless if settings.LIVE_SOURCES else [])


def base(url: str) -> str:
    return url.rstrip("/")
