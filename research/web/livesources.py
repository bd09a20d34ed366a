"""Live sources of a run: the web is asked, pages are read, kept as sources, and found by later runs too.

Nothing here fails a run. What did not work is told in notes.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from manticscore import errors
from manticscore.clients import lookups, websearch
from manticscore.clients.websearch import Found
from manticscore.pipeline import defects_as_errors
from research.analyst import lexical
from research.analyst import text as texts
from research.corpus import importing, indexing
from research.corpus.importing import Record
from research.models import Source
from research.web import pagereader, webpages, weburls
from research.web.pagereader import Reading

ORIGIN = "live"
QUESTIONS = 3
MAX_QUESTION = 200  # characters; what the idea is goes out, not all that was written about it
ASKING_SHARE = 0.3  # of the time; the rest is for reading
PAGES_PER_SITE = 2
FRESH_FOR = timedelta(days=7)  # a page that was read is not read again
RANK_OFFSET = 60  # of reciprocal rank fusion (Cormack et al. 2009)

Note = dict[str, str]
Tell = Callable[[str], None]
Addresses = list[str | None]


@dataclass(slots=True)
class Gathered:
    """What came of it. `pages` were read now, `known` were read by an earlier run."""

    asked: int = 0
    pages: int = 0
    known: int = 0
    notes: list[Note] = field(default_factory=list)

    def note(self, source: str, problem: str) -> None:
        self.notes.append({"source": source, "problem": problem})


def gather(idea: str, queries: Sequence[str], tell: Tell) -> Gathered:
    """Ask the configured sources about an idea and bring what they know into the corpus."""
    gathered = Gathered()
    sources = websearch.configured()
    if not sources:
        return gathered
    ends_at = time.monotonic() + settings.LIVE_SECONDS
    gathered.asked = len(sources)
    tell(f"Asking {len(sources)} live source{'s' * (len(sources) != 1)}")
    asking = websearch.ask_all(
        sources,
        questions(idea, queries),
        limit=settings.LIVE_RESULTS,
        seconds=settings.LIVE_SECONDS * ASKING_SHARE,
    )
    answers = lookups.run(asking)
    for problem in answers.problems:
        gathered.note(problem.source, problem.problem)
    lists: list[Addresses] = []
    for source, listed in answers.lists:
        with surviving(partial(gathered.note, source)):
            lists.append(addresses(listed))
    with surviving(partial(gathered.note, "pages")):
        read_into_corpus(choose(lists, settings.LIVE_PAGES), ends_at, gathered, tell)
    return gathered


@contextmanager
def surviving(note: Callable[[str], None]) -> Iterator[None]:
    """A defect costs what is inside and is noted; the rest of the gathering goes on."""
    try:
        with defects_as_errors("a live source"):
            yield
    except errors.InternalError:
        note("internal error")


def questions(idea: str, queries: Sequence[str]) -> list[str]:
    """The core of the idea first, then what else it was understood to ask for."""
    asked = [lexical.core_phrase(idea), *(query for query in queries if query != idea)]
    short = [" ".join(question.split())[:MAX_QUESTION].strip() for question in asked]
    return list(dict.fromkeys(question for question in short if question))[:QUESTIONS]


def addresses(listed: Sequence[Found]) -> Addresses:
    """What to visit, in the same order; None for what is no page to read."""
    urls = [weburls.canonical(found.url) for found in listed]
    return [
        url if url and len(url.encode()) <= importing.MAX_URL and weburls.is_readable(url) else None
        for url in urls
    ]


def choose(lists: Sequence[Addresses], limit: int) -> list[str]:
    """The pages that most sources rank highest, each once, few of one site."""
    scores: dict[str, float] = defaultdict(float)
    address: dict[str, str] = {}
    for listed in lists:
        for rank, url in enumerate(listed):
            if url is not None:
                scores[weburls.key(url)] += 1 / (RANK_OFFSET + rank)
                address.setdefault(weburls.key(url), url)
    chosen: list[str] = []
    of_site: Counter[str] = Counter()
    for key in sorted(scores, key=lambda key: (-scores[key], key)):
        domain = texts.registrable_domain(address[key])
        if of_site[domain] < PAGES_PER_SITE:
            of_site[domain] += 1
            chosen.append(address[key])
    return chosen[:limit]


def read_into_corpus(urls: Sequence[str], ends_at: float, gathered: Gathered, tell: Tell) -> None:
    new = unread(urls)
    gathered.known = len(urls) - len(new)
    if new:
        tell(f"Reading {len(new)} page{'s' * (len(new) != 1)}")
        records, problems = judge(pagereader.read_all(new, ends_at - time.monotonic()))
        problems["the time was over"] += len(new) - len(records) - problems.total()
        for problem, count in sorted((+problems).items()):
            gathered.note("pages", f"{count} of {len(new)}: {problem}")
        keep(ORIGIN, records)
        gathered.pages = len(records)
    if urls and not indexing.add(Source.objects.filter(origin=ORIGIN)):
        gathered.note("corpus", "busy: new pages are found by later runs")


def unread(urls: Sequence[str]) -> list[str]:
    """Those of which no reading is on record that is still fresh."""
    keys = {weburls.key(url): url for url in urls}
    fresh = Source.objects.filter(origin=ORIGIN, key__in=keys, fetched_at__gt=Now() - FRESH_FOR)
    known = set(fresh.values_list("key", flat=True))
    return [url for key, url in keys.items() if key not in known]


def judge(readings: Iterable[Reading]) -> tuple[list[Record], Counter[str]]:
    """The sources the readings make, and how often which problem kept one from being made."""
    records: dict[int, Record] = {}
    problems: Counter[str] = Counter()
    for reading in readings:
        with surviving(lambda problem: problems.update([problem])):
            record = webpages.judged(reading)
            if isinstance(record, str):
                problems[record] += 1
            elif any(texts.hamming(texts.simhash(record.text), other) <= 3 for other in records):
                problems["the same text as another page"] += 1
            else:
                records[texts.simhash(record.text)] = record
    return list(records.values()), problems


@transaction.atomic
def keep(origin: str, records: list[Record]) -> importing.Tally:
    """Store what was read now; also of an unchanged page it is known that it was there today."""
    tally = importing.store(origin, records)
    keys = [record.key for record in records]
    Source.objects.filter(origin=origin, key__in=keys).update(fetched_at=Now())
    return tally
