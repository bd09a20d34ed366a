"""Importing pages by their URLs, a few at a time; one that was read lately is not read again."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from django.db.models.functions import Now

from research.corpus.importing import BadRecord, Record, Tally
from research.models import Source
from research.web import livesources, pagereader, webpages, weburls
from research.web.urllists import Line

STEP = pagereader.AT_ONCE  # pages stored in one transaction: an interrupted import loses no more
LEFT = "left for the next run: the budget is used up"
FRESH_FOR = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A line that made no source, and why."""

    number: int
    reason: str


@dataclass(slots=True)
class Budget:
    """How much an import may do: pages to visit, and seconds."""

    pages: int
    seconds: float


def import_pages(origin: str, lines: Iterable[Line], budget: Budget, tally: Tally) -> Iterator[Refusal]:
    """Store the pages of a list; refusals come as they happen, counts go into the tally.

    A run again goes on where the last one stopped: pages that it stored count as unchanged.
    """
    ends_at = time.monotonic() + budget.seconds
    step: dict[str, int] = {}
    for number, url in lines:
        if isinstance(url, BadRecord):
            yield Refusal(number, str(url))
            continue
        step.setdefault(url, number)
        if len(step) == STEP:
            yield from import_step(origin, step, budget, ends_at, tally)
            step = {}
    yield from import_step(origin, step, budget, ends_at, tally)


def import_step(
    origin: str, step: dict[str, int], budget: Budget, ends_at: float, tally: Tally
) -> Iterator[Refusal]:
    new = [url for url in step if not is_fresh(origin, url)]
    tally.unchanged += len(step) - len(new)
    visited = new[: budget.pages]
    budget.pages -= len(visited)
    records: list[Record] = []
    readings = {reading.url: reading for reading in pagereader.read_all(visited, ends_at - time.monotonic())}
    for url in new:
        record = webpages.judged(readings[url]) if url in readings else LEFT
        if isinstance(record, Record):
            records.append(record)
        else:
            yield Refusal(step[url], record)
    tally.add(livesources.keep(origin, records))


def is_fresh(origin: str, url: str) -> bool:
    known = Source.objects.filter(origin=origin, key=weburls.key(url))
    return known.filter(fetched_at__gt=Now() - FRESH_FOR).exists()
