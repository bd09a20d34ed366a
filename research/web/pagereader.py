"""Reading many pages: fetched side by side, their text taken out one after another."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from manticscore.clients import fetch, lookups
from manticscore.clients.extraction import Extracted, Extractor
from manticscore.clients.fetch import Fetcher, FetchError, Limits, Page

AT_ONCE = 6  # pages held in memory
LIMITS = Limits(bytes=3 * 1024 * 1024, turn=20.0)  # a page of text is smaller than what fetch would allow

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Reading:
    """A page with its text, or the error that stands in for it."""

    url: str
    page: Page | None = None
    found: Extracted | None = None
    error: FetchError | None = None


def read_all(urls: Sequence[str], seconds: float) -> Iterator[Reading]:
    """One reading per URL, in order, as far as the time goes; nothing new is begun after it."""
    ends_at = time.monotonic() + seconds
    with Extractor() as extractor:
        for start in range(0, len(urls), AT_ONCE):
            left = ends_at - time.monotonic()
            if left <= 0:
                return
            for url, answer in lookups.run(fetch_side_by_side(urls[start : start + AT_ONCE], left)):
                yield read(url, answer, extractor)


def read(url: str, answer: Page | FetchError, extractor: Extractor) -> Reading:
    if isinstance(answer, FetchError):
        return Reading(url, error=answer)
    try:
        return Reading(url, answer, extractor.extract(answer.text, answer.url))
    except FetchError as error:
        return Reading(url, error=error)


async def fetch_side_by_side(urls: Sequence[str], seconds: float) -> list[tuple[str, Page | FetchError]]:
    fetcher = fetch.configured(LIMITS)
    answers = await asyncio.gather(*(fetch_in_time(fetcher, url, seconds) for url in urls))
    return list(zip(urls, answers, strict=True))


async def fetch_in_time(fetcher: Fetcher, url: str, seconds: float) -> Page | FetchError:
    try:
        async with asyncio.timeout(seconds):
            return await fetcher.get(url)
    except FetchError as error:
        return error
    except TimeoutError:
        return fetch.Unreachable("the time for reading pages is over", reason="unread")
    except Exception:  # one odd page must not cost the others
        logger.exception("fetching a page failed")
        return FetchError("internal error", reason="internal")
