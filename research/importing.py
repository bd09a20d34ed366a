"""Bringing sources into the corpus: records from files, checked one by one, stored by origin and key."""

from __future__ import annotations

import csv
import datetime
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.db import transaction

from research.analyst import text as texts
from research.models import Passage, Source

KINDS = frozenset(
    {"product page", "repository", "documentation", "registry", "encyclopedia", "catalogue", "news", "forum",
     "listicle"}
)  # fmt: skip
FACTS = ("stars", "downloads", "archived", "licenses", "platforms", "commits_by_month", "source_code_url")
MAX_TEXT = 200_000
MAX_NAME = 300
BATCH = 200


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
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
            except (ValueError, RecursionError) as error:
                yield number, BadRecord(f"not valid JSON: {error}")
                continue
            yield number, row if isinstance(row, dict) else BadRecord("not a JSON object")


def read_csv(path: Path) -> Iterator[tuple[int, Mapping[str, Any] | BadRecord]]:
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        rows = csv.DictReader(file)
        for row in rows:
            if None in row:
                yield rows.line_num, BadRecord("more fields than the header has")
            else:
                yield rows.line_num, {key: value for key, value in row.items() if value}


def parse(row: Mapping[str, Any]) -> Record:
    """Check one record. `text`, `description` or `sentences` says what the product is."""
    text = body(row)
    name = required(row, "name")
    if len(name) > MAX_NAME:
        raise BadRecord(f"name is longer than {MAX_NAME} characters")
    kind = row.get("kind") or "product page"
    if kind not in KINDS:
        raise BadRecord(f"kind must be one of {', '.join(sorted(KINDS))}")
    facts = {name: row[name] for name in FACTS if row.get(name) not in (None, "", {}, [])}
    released = (
        (row.get("release") or {}).get("published_at") if isinstance(row.get("release"), dict) else None
    )
    if released:
        facts["released_on"] = str(parse_date(released, "release.published_at"))
    refuse_nul(row)
    return Record(
        key=required(row, "id"),
        name=name,
        url=url(row),
        text=text,
        kind=kind,
        category=optional(row, "category"),
        founded=year(row),
        pricing=optional(row, "pricing"),
        published_on=parse_date(row.get("published_on") or row.get("updated_at"), "updated_at"),
        facts=facts,
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


def required(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    if not isinstance(value, str | int) or not str(value).strip():
        raise BadRecord(f"{name} required")
    return str(value).strip()


def optional(row: Mapping[str, Any], name: str) -> str | None:
    value = row.get(name)
    if value in (None, ""):
        return None
    if not isinstance(value, str):
        raise BadRecord(f"{name} must be text")
    return value.strip()


def url(row: Mapping[str, Any]) -> str:
    value = required(row, "url")
    if not value.lower().startswith(("http://", "https://")):
        raise BadRecord("url must begin with http:// or https://")
    return value


def year(row: Mapping[str, Any]) -> int | None:
    value = row.get("founded")
    if value in (None, ""):
        return None
    try:
        number = int(value)
    except (TypeError, ValueError):
        raise BadRecord("founded must be a year") from None
    if not 1800 <= number <= 2200:
        raise BadRecord("founded must be a year")
    return number


def parse_date(value: Any, name: str) -> datetime.date | None:
    if value in (None, ""):
        return None
    try:
        return datetime.date.fromisoformat(str(value)[:10])
    except ValueError:
        raise BadRecord(f"{name} must be a date like 2026-01-31") from None


def refuse_nul(value: Any) -> None:
    """PostgreSQL cannot store U+0000 or half a surrogate pair."""
    try:
        if "\\u0000" in json.dumps(value) or json.dumps(value, ensure_ascii=False).encode() is None:
            raise BadRecord("contains U+0000")
    except UnicodeEncodeError:
        raise BadRecord("contains an unpaired surrogate") from None


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
    """Create or update sources by origin and key. A changed text loses its vectors until it is indexed."""
    tally = Tally()
    unique = {record.key: record for record in records}
    known = Source.objects.select_for_update().filter(origin=origin, key__in=unique).order_by("id")
    existing = {source.key: source for source in known}
    for key, record in unique.items():
        source = existing.get(key)
        values = columns(record)
        if source is None:
            source = Source.objects.create(id=Source.id_for(origin, key), origin=origin, key=key, **values)
            tally.created += 1
        elif all(getattr(source, name) == value for name, value in values.items()):
            tally.unchanged += 1
            continue
        else:
            Source.objects.filter(pk=source.pk).update(**values, vector=None, vector_model="")
            source.passages.all().delete()
            tally.updated += 1
        Passage.objects.bulk_create(
            Passage(source_id=source.pk, start=span.start, end=span.end)
            for span in texts.sentences(record.text)
        )
    return tally


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
    }
