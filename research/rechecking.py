"""Evidence ages: is what a source said when it was quoted still on its page?

Only for sources whose text was read from their URL. What the catalogue or an import says in words of its own
stands on no page.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import urlsplit
from uuid import UUID

from django.db.models import Min, QuerySet
from django.db.models.functions import Coalesce, Now
from rapidfuzz import fuzz, process

from manticscore.clients.extraction import Extracted
from manticscore.clients.fetch import BadStatus, FetchError
from research.analyst import text as texts
from research.models import EVIDENCE, Quoted, Source, Verdict
from research.web import pagereader, webpages
from research.web.pagereader import Reading

ALIKE = 75.0  # of 100: a sentence that says something else in nearly the same words
MIN_ALIKE_WORDS = 4  # shorter ones are alike by chance
OURS = frozenset({"busy", "unread", "internal"})  # reasons that say nothing about the page
FOUND = (Verdict.CHANGED, Verdict.GONE)  # what a page that cannot be read leaves as it was
GONE_STATUSES = frozenset({404, 410})
PAGE_SECONDS = 60.0  # for each page, its turn included
RECENT = timedelta(hours=1)  # so long nobody needs to look again
TYPOGRAPHY = str.maketrans({"\u2019": "'", "\u2018": "'", "\u201c": '"', "\u201d": '"', "\u00a0": " "})

Q = TypeVar("Q", bound=Quoted)
Rows = QuerySet[Any]  # of one kind of evidence


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at the page found of one quote."""

    verdict: Verdict
    now_says: str = ""


def everything() -> list[Rows]:
    """All evidence of all kinds."""
    return [kind._default_manager.all() for kind in EVIDENCE]


def quoting(sources: Iterable[UUID]) -> list[Rows]:
    """All evidence that was taken from these sources."""
    wanted = list(sources)
    return [rows.filter(source__in=wanted) for rows in everything()]


def due(older_than: timedelta, limit: int, among: Sequence[Rows] | None = None) -> list[UUID]:
    """Sources with quotes that nobody looked at for so long, the longest unseen first.

    `among` is the evidence that counts, all of it unless told otherwise.
    """
    oldest: dict[UUID, datetime] = {}
    for rows in everything() if among is None else among:
        for source_id, seen in unseen(rows, older_than, limit):
            oldest[source_id] = min(seen, oldest.get(source_id, seen))
    return sorted(oldest, key=lambda source_id: (oldest[source_id], source_id))[:limit]


def unseen(rows: Rows, older_than: timedelta, limit: int) -> list[tuple[UUID, datetime]]:
    """Sources of these quotes with the moment of the last look, the first ones."""
    seen = Coalesce("checked_at", "source__fetched_at")
    readable = rows.filter(source__retrieved=True).annotate(seen=seen)
    by_source = readable.filter(seen__lt=Now() - older_than).values("source_id").annotate(oldest=Min("seen"))
    return list(by_source.order_by("oldest", "source_id").values_list("source_id", "oldest")[:limit])


def by_host(source_ids: Iterable[UUID]) -> dict[str, list[UUID]]:
    """The sources of each host, which one job visits at the intervals a site wants."""
    groups: dict[str, list[UUID]] = {}
    for source_id, url in Source.objects.filter(pk__in=list(source_ids)).values_list("pk", "url"):
        groups.setdefault(urlsplit(url).netloc, []).append(source_id)
    return groups


def recheck(source_ids: Iterable[UUID]) -> Iterator[tuple[Source, Counter[str]]]:
    """Look at the page of each source and note for its quotes what is there; quotes by verdict.

    A page that we did not get to is left as it was, to be looked at the next time.
    """
    sources = list(Source.objects.filter(pk__in=list(source_ids), retrieved=True).order_by("pk"))
    readings = pagereader.read_all([source.url for source in sources], PAGE_SECONDS * len(sources))
    for source, reading in zip(sources, readings, strict=False):  # time may end before the sources do
        if reading.error is None or reading.error.reason not in OURS:
            yield source, note(source, reading)


def note(source: Source, reading: Reading) -> Counter[str]:
    """Store the verdict on every quote of a source with all evidence that uses it."""
    kinds = quoting([source.pk])
    counts: Counter[str] = Counter()
    for quote in {quote for rows in kinds for quote in rows.values_list("quote", flat=True).distinct()}:
        found = look(quote, reading)
        counts[found.verdict] += sum(keep(rows.filter(quote=quote), found) for rows in kinds)
    return counts


def keep(same: Rows, found: Look) -> int:
    """A page that cannot be read this time proves nothing against what was found on it before."""
    told: dict[str, Any] = {"verdict": found.verdict, "now_says": found.now_says}
    if found.verdict != Verdict.UNREACHABLE:
        return same.update(checked_at=Now(), **told)
    same.exclude(verdict__in=FOUND).update(**told)
    return same.update(checked_at=Now())


def look(quote: str, reading: Reading) -> Look:
    """What became of a quote, going by a visit to its page."""
    if reading.found is None:
        return Look(absence(reading.error))
    if webpages.is_wall(reading.found.text or reading.found.everything):
        return Look(Verdict.UNREACHABLE)
    return compare(quote, reading.found)


def absence(error: FetchError | None) -> Verdict:
    """A page that was taken down is gone; everything else may pass."""
    gone = isinstance(error, BadStatus) and error.status in GONE_STATUSES
    return Verdict.GONE if gone else Verdict.UNREACHABLE


def compare(quote: str, found: Extracted) -> Look:
    """Whether the page says the quote, or something very much like it."""
    wanted = plain(quote)
    if wanted in plain(found.everything) or wanted in plain(found.text):
        return Look(Verdict.STILL_THERE)
    candidates = [plain(said) for said in webpages.said(found) if len(said.split()) >= MIN_ALIKE_WORDS]
    best = process.extractOne(wanted, candidates, scorer=fuzz.ratio, score_cutoff=ALIKE)
    return Look(Verdict.CHANGED, best[0]) if best else Look(Verdict.GONE)


def plain(text: str) -> str:
    """Without the differences that typesetting makes."""
    return texts.normalise_space(text.translate(TYPOGRAPHY))


def news(evidence: QuerySet[Q], since: datetime) -> QuerySet[Q]:
    """Those of the quotes that were found changed or gone after a moment."""
    return evidence.filter(checked_at__gt=since, verdict__in=FOUND).order_by("-checked_at", "id")
