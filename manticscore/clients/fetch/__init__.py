"""The one way to fetch a page that somebody named: `fetch` for one, `Fetcher` for many at once.

Every address is checked when it is connected to, every hop and every body is bounded, robots.txt is
obeyed, and nothing is taken from proxies in the environment. What our operator configured by URL, as a
search server, is not a page and does not come through here.
"""

from __future__ import annotations

from django.conf import settings

from manticscore import __version__
from manticscore.clients import lookups
from manticscore.clients.fetch.errors import (
    BadContent,
    BadStatus,
    Disallowed,
    FetchError,
    Refused,
    Unreachable,
)
from manticscore.clients.fetch.fetcher import ANYTHING, LISTS, PAGES, Fetcher, Limits, Page
from manticscore.clients.fetch.robots import TOKEN
from manticscore.clients.fetch.rules import Rules

__all__ = [
    "ANYTHING",
    "LISTS",
    "PAGES",
    "BadContent",
    "BadStatus",
    "Disallowed",
    "FetchError",
    "Fetcher",
    "Limits",
    "Page",
    "Refused",
    "Unreachable",
    "configured",
    "fetch",
]


def configured(limits: Limits | None = None) -> Fetcher:
    """The fetcher as the settings want it."""
    own = [host for host in settings.ALLOWED_HOSTS if host != "*"]
    rules = Rules.of(allow=settings.FETCH_ALLOW_PRIVATE, deny=[*own, *settings.FETCH_DENY])
    return Fetcher(rules, user_agent(settings.FETCH_CONTACT), limits=limits)


def user_agent(contact: str) -> str:
    """Who we are, honestly, and whom to write to."""
    return f"{TOKEN}/{__version__} (research; +{contact})" if contact else f"{TOKEN}/{__version__} (research)"


def fetch(url: str, types: frozenset[str] = PAGES, limits: Limits | None = None) -> Page:
    """Fetch one page. Raises FetchError; never takes longer than the limits allow."""
    return lookups.run(configured(limits).get(url, types))
