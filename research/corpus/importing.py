"""Bringing sources into the corpus: records from files, checked one by one, stored by origin and key."""

from __future__ import annotations

import csv
import datetime
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

from django.db import transaction

from manticscore.lib import storable
from research.analyst import text as texts
from research.models import Passage, Source

KINDS = frozenset(
    {"product page", "repository", "documentation", "registry", "encyclopedia", "catalogue", "news", "forum",
     "listicle"}
)  # fmt: skip
MAX_TEXT = 200_000
MAX_NAME = 300
MAX_ID = MAX_URL = 2000  # both are indexed, and PostgreSQL's index entries end at 2704 bytes
MAX_LINE = 4_000_000  # bytes of one JSONL line or characters of one CSV field
BATCH = 200
CONTENT = frozenset({"name", "text"})  # what vectors and terms are made of


class BadRecord(ValueError):
    """A line that is not a source; the message says what to mend."""


@dataclass(frozen=True, slots=True)
class Record:
    """One source as it comes from a file."""

    key: str
    name: str
    url: str
    text: str
    kind: str = "product page"
    category: str | None = None
    founded: int | None = None
    pricing: str | None = None
    published_on: datetime.date | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    retrieved: bool = False  # read from the URL itself


@dataclass(slots=True)
class Tally:
    """What an import did."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: int = 0

    @property
    def changed(self) -> int:
        return self.created + self.updated

    @property
    def accepted(self) -> int:
        return self.changed + self.unchanged

    def add(self, part: Tally) -> None:
        self.created += part.created
        self.updated += part.updated
        self.unchanged += part.unchanged
        self.refused += part.refused


def read(path: Path) -> Iterator[tuple[int, Record | BadRecord]]:
    """Records of a JSONL or CSV file with their line numbers; bad lines come as errors, good ones go on.

    Raises BadRecord for a file of another kind.
    """
    readers = {".jsonl": read_jsonl, ".ndjson": read_jsonl, ".csv": read_csv}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise BadRecord(f"{path.name}: expected a .jsonl, .ndjson or .csv file")
    for number, row in reader(path):
        try:
            yield number, row if isinstance(row, BadRecord) else parse(row)
        except BadRecord as error:
            yield number, error


def read_jsonl(path: Path) -> Iterator[tuple[int, Mapping[str, Any] | BadRecord]]:
    with path.open("rb") as file:
        for number, line in enumerate(lines(file), 1):
            if not line.strip():
                continue
            if len(line) > MAX_LINE:
                yield number, BadRecord(f"longer than {MAX_LINE} bytes")
                continue
            try:
                row = json.loads(
                    line.decode("utf-8-sig" if number == 1 else "utf-8"), parse_constant=refuse_constant
                )
            except (ValueError, RecursionError) as error:
                yield number, BadRecord(f"not valid JSON: {error}")
                continue
            yield number, row if isinstance(row, dict) else BadRecord("not a JSON object")


def lines(file: BinaryIO) -> Iterator[bytes]:
    """The file's lines; of one that is too long only the beginning, so that it cannot fill the memory."""
    while line := file.readline(MAX_LINE + 1):
        yield line
        while len(line) > MAX_LINE and not line.endswith(b"\n"):
            line = file.readline(MAX_LINE + 1)
            if not line:
                return


def refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number")


def read_csv(path: Path) -> Iterator[tuple[int, Mapping[str, Any] | BadRecord]]:
    csv.field_size_limit(MAX_LINE)
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        rows = csv.DictReader(file, strict=True)
        while True:
            try:
                row = next(rows, None)
            except csv.Error as error:
                yield rows.reader.line_num, BadRecord(f"not valid CSV: {error}")
                continue
            if row is None:
                return
            if None in row:
                yield rows.line_num, BadRecord("more fields than the header has")
            else:
                yield rows.line_num, {key: value for key, value in row.items() if value}


def parse(row: Mapping[str, Any]) -> Record:
    """Check one record. `text`, `description` or `sentences` says what the product is."""
    objection = storable.objection(row)
    if objection:
        raise BadRecord(objection)
    return Record(
        key=required(row, "id", MAX_ID),
        name=required(row, "name", MAX_NAME),
        url=url(row),
        text=body(row),
        kind=kind(row),
        category=optional(row, "category"),
        founded=year(row),
        pricing=optional(row, "pricing"),
        published_on=parse_date(row.get("published_on") or row.get("updated_at"), "updated_at"),
        facts=facts(row),
    )


def body(row: Mapping[str, Any]) -> str:
    sentences = row.get("sentences")
    if isinstance(sentences, list) and all(isinstance(sentence, str) for sentence in sentences):
        text = " ".join(sentences)
    else:
        text = row.get("text") or row.get("description") or ""
    if not isinstance(text, str) or not text.strip():
        raise BadRecord("text, description or sentences required")
    if len(text) > MAX_TEXT:
        raise BadRecord(f"text is longer than {MAX_TEXT} characters")
    return text.strip()


def required(row: Mapping[str, Any], name: str, longest: int) -> str:
    value = row.get(name)
    if isinstance(value, bool) or not isinstance(value, str | int) or not str(value).strip():
        raise BadRecord(f"{name} required")
    text = str(value).strip()
    if len(text.encode()) > longest:
        raise BadRecord(f"{name} is longer than {longest} bytes")
    return text


def optional(row: Mapping[str, Any], name: str) -> str | None:
    value = row.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise BadRecord(f"{name} must be text")
    return value.strip() or None


def url(row: Mapping[str, Any]) -> str:
    value = required(row, "url", MAX_URL)
    if not value.lower().startswith(("http://", "https://")):
        raise BadRecord("url must begin with http:// or https://")
    if not texts.registrable_domain(value):
        raise BadRecord("url names no host")
    return value


def kind(row: Mapping[str, Any]) -> str:
    value = row.get("kind") or "product page"
    if not isinstance(value, str) or value not in KINDS:
        raise BadRecord(f"kind must be one of {', '.join(sorted(KINDS))}")
    return value


def year(row: Mapping[str, Any]) -> int | None:
    value = row.get("founded")
    if value in (None, ""):
        return None
    try:
        founded = int(value)
    except (TypeError, ValueError, OverflowError):
        raise BadRecord("founded must be a year") from None
    if not 1800 <= founded <= 2200:
        raise BadRecord("founded must be a year")
    return founded


def parse_date(value: Any, name: str) -> datetime.date | None:
    if value in (None, ""):
        return None
    try:
        return datetime.date.fromisoformat(str(value)[:10])
    except ValueError:
        raise BadRecord(f"{name} must be a date like 2026-01-31") from None


def facts(row: Mapping[str, Any]) -> dict[str, Any]:
    """What the record says in numbers; a CSV file has them as text."""
    found = {
        name: check(row[name], name)
        for name, check in FACTS.items()
        if row.get(name) not in (None, "", {}, [])
    }
    release = row.get("release")
    if isinstance(release, dict) and release.get("published_at"):
        found["released_on"] = str(parse_date(release["published_at"], "release.published_at"))
    return found


def quantity(value: Any, name: str) -> int | float:
    try:
        amount = float(value) if isinstance(value, str | int | float) else math.nan
    except (ValueError, OverflowError):
        amount = math.nan
    if isinstance(value, bool) or not 0 <= amount < 1e15:
        raise BadRecord(f"{name} must be a number from 0")
    return int(amount) if amount.is_integer() else amount


def truth(value: Any, name: str) -> bool:
    named = {"true": True, "1": True, "false": False, "0": False}
    answer = value if isinstance(value, bool) else named.get(str(value).lower())
    if answer is None:
        raise BadRecord(f"{name} must be true or false")
    return answer


def names(value: Any, name: str) -> list[str]:
    listed = value.split(",") if isinstance(value, str) else value
    if not isinstance(listed, list) or not all(isinstance(item, str) for item in listed):
        raise BadRecord(f"{name} must be a list of texts")
    return [item.strip() for item in listed]


def by_month(value: Any, name: str) -> dict[str, int | float]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            value = None
    if not isinstance(value, dict) or not all(MONTH.fullmatch(month) for month in value):
        raise BadRecord(f'{name} must be an object like {{"2026-01": 12}}')
    return {month: quantity(count, name) for month, count in value.items()}


def plain(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise BadRecord(f"{name} must be text")
    return value


MONTH = re.compile(r"[12][0-9]{3}-(0[1-9]|1[0-2])")
FACTS: dict[str, Callable[[Any, str], Any]] = {
    "stars": quantity,
    "downloads": quantity,
    "archived": truth,
    "licenses": names,
    "platforms": names,
    "commits_by_month": by_month,
    "source_code_url": plain,
}


def batches(records: Iterable[Record]) -> Iterator[list[Record]]:
    batch: list[Record] = []
    for record in records:
        batch.append(record)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


@transaction.atomic
def store(origin: str, records: list[Record]) -> Tally:
    """Create or update sources by origin and key. A changed text loses its vectors until it is indexed.

    Others may store the same ones at the same time: rows are inserted and locked in the order of their ids,
    and whoever comes second finds what the first has stored.
    """
    tally = Tally()
    cut: list[Passage] = []
    wanted = {Source.id_for(origin, record.key): record for record in records}
    rows = Source.objects.filter(pk__in=wanted)
    known = set(rows.values_list("pk", flat=True))
    Source.objects.bulk_create(
        (
            Source(id=key, origin=origin, key=record.key, **columns(record))
            for key, record in sorted(wanted.items())
            if key not in known
        ),
        ignore_conflicts=True,
    )
    for source in rows.select_for_update(no_key=True).order_by("id"):
        record = wanted[source.pk]
        changes = differences(source, record)
        if CONTENT & changes.keys():
            source.passages.all().delete()
            changes |= {"vector": None, "vector_model": ""}
        if changes:
            Source.objects.filter(pk=source.pk).update(**changes)
        if source.pk not in known:
            tally.created += 1
        elif changes:
            tally.updated += 1
        else:
            tally.unchanged += 1
        if source.pk not in known or CONTENT & changes.keys():
            cut += passages(source.pk, record.text)
    # Those of a source that somebody else created in the meantime, with the same text, are there.
    Passage.objects.bulk_create(cut, ignore_conflicts=True)
    return tally


def passages(source_id: UUID, text: str) -> list[Passage]:
    return [Passage(source_id=source_id, start=span.start, end=span.end) for span in texts.sentences(text)]


def differences(source: Source, record: Record) -> dict[str, Any]:
    """The columns that the record changes.

    A page that says the same as before is not newer for having been read again: it keeps its day.
    """
    changes = {name: value for name, value in columns(record).items() if getattr(source, name) != value}
    if record.retrieved and source.published_on is not None and "text" not in changes:
        changes.pop("published_on", None)
    return changes


def columns(record: Record) -> dict[str, Any]:
    return {
        "name": record.name,
        "url": record.url,
        "domain": texts.registrable_domain(record.url),
        "text": record.text,
        "kind": record.kind,
        "category": record.category,
        "founded": record.founded,
        "pricing": record.pricing,
        "published_on": record.published_on,
        "facts": record.facts,
        "retrieved": record.retrieved,
    }
