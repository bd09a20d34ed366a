"""Reading sources from files, and storing them by origin and key."""

from __future__ import annotations

import datetime
import json
import threading
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction

from research.analyst import text as texts
from research.corpus import importing, indexing
from research.corpus.importing import BadRecord, Record
from research.models import Passage, Source
from tests.helpers import installation
from tests.helpers.threads import at_once

GOOD: dict[str, Any] = {
    "id": "mealie",
    "name": "Mealie",
    "url": "https://mealie.io",
    "description": "Mealie keeps recipes. It plans meals for families.",
}


def jsonl(tmp_path: Path, *lines: Any) -> Path:
    path = tmp_path / "sources.jsonl"
    path.write_bytes(
        b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
    )
    return path


def csv(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "sources.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def outcome(path: Path) -> list[tuple[int, str]]:
    """Line number with the key of a good record or the message of a bad one."""
    return [(n, r.key if isinstance(r, Record) else str(r)) for n, r in importing.read(path)]


def only(path: Path) -> Record:
    ((_, record),) = list(importing.read(path))
    assert isinstance(record, Record), record
    return record


def test_jsonl_record(tmp_path: Path) -> None:
    full = {
        **GOOD,
        "kind": "repository",
        "category": " recipes ",
        "founded": "2017",
        "pricing": "free",
        "published_on": "2026-01-31T10:00:00Z",
        "stars": 1200,
        "archived": False,
        "licenses": ["AGPL-3.0"],
        "commits_by_month": {"2026-01": 12},
        "release": {"tag": "v2", "published_at": "2026-02-01T00:00:00Z"},
        "something": "else",
    }
    assert only(jsonl(tmp_path, full)) == Record(
        key="mealie",
        name="Mealie",
        url="https://mealie.io",
        text="Mealie keeps recipes. It plans meals for families.",
        kind="repository",
        category="recipes",
        founded=2017,
        pricing="free",
        published_on=datetime.date(2026, 1, 31),
        facts={
            "stars": 1200,
            "archived": False,
            "licenses": ["AGPL-3.0"],
            "commits_by_month": {"2026-01": 12},
            "released_on": "2026-02-01",
        },
    )


def test_text_in_any_of_its_three_forms(tmp_path: Path) -> None:
    base = {name: GOOD[name] for name in ("id", "name", "url")}
    for field, value in (
        ("text", " One. Two. "),
        ("description", "One. Two."),
        ("sentences", ["One.", "Two."]),
    ):
        assert only(jsonl(tmp_path, {**base, field: value})).text == "One. Two."


def test_bad_lines_are_named_and_good_ones_go_on(tmp_path: Path) -> None:
    path = jsonl(tmp_path, GOOD, b"{broken", {**GOOD, "id": "b"}, b"", b"[1]", b"   ", {**GOOD, "id": "c"})
    found = outcome(path)
    assert [number for number, _ in found] == [1, 2, 3, 5, 7]
    assert [text for _, text in found if text in ("mealie", "b", "c")] == ["mealie", "b", "c"]
    assert found[1][1].startswith("not valid JSON: ")
    assert found[3] == (5, "not a JSON object")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": None}, "id required"),
        ({"id": ""}, "id required"),
        ({"id": True}, "id required"),
        ({"id": ["a"]}, "id required"),
        ({"id": "x" * 2001}, "id is longer than 2000 bytes"),
        ({"name": "  "}, "name required"),
        ({"name": {"a": 1}}, "name required"),
        ({"name": "x" * 301}, "name is longer than 300 bytes"),
        ({"url": None}, "url required"),
        ({"url": "ftp://mealie.io"}, "url must begin with http:// or https://"),
        ({"url": "javascript:alert(1)"}, "url must begin with http:// or https://"),
        ({"url": "mealie.io"}, "url must begin with http:// or https://"),
        ({"url": "http://"}, "url names no host"),
        ({"url": "https://["}, "url names no host"),
        ({"url": "https://a.example/" + "x" * 2000}, "url is longer than 2000 bytes"),
        ({"description": ""}, "text, description or sentences required"),
        ({"description": " \n"}, "text, description or sentences required"),
        ({"description": 5}, "text, description or sentences required"),
        ({"description": None, "sentences": [1]}, "text, description or sentences required"),
        ({"description": "x" * 200_001}, "text is longer than 200000 characters"),
        ({"category": 5}, "category must be text"),
        ({"pricing": ["free"]}, "pricing must be text"),
        ({"founded": "long ago"}, "founded must be a year"),
        ({"founded": 17}, "founded must be a year"),
        ({"founded": [2017]}, "founded must be a year"),
        ({"published_on": "yesterday"}, "updated_at must be a date like 2026-01-31"),
        ({"published_on": "2026-02-30"}, "updated_at must be a date like 2026-01-31"),
        ({"release": {"published_at": "soon"}}, "release.published_at must be a date like 2026-01-31"),
        ({"stars": "many"}, "stars must be a number from 0"),
        ({"stars": -1}, "stars must be a number from 0"),
        ({"stars": True}, "stars must be a number from 0"),
        ({"downloads": {"all": 5}}, "downloads must be a number from 0"),
        ({"archived": "perhaps"}, "archived must be true or false"),
        ({"licenses": [1]}, "licenses must be a list of texts"),
        ({"commits_by_month": {"January": 5}}, 'commits_by_month must be an object like {"2026-01": 12}'),
        ({"commits_by_month": {"2026-13": 5}}, 'commits_by_month must be an object like {"2026-01": 12}'),
        ({"commits_by_month": [5]}, 'commits_by_month must be an object like {"2026-01": 12}'),
        ({"commits_by_month": {"2026-01": None}}, "commits_by_month must be a number from 0"),
        ({"source_code_url": 5}, "source_code_url must be text"),
        ({"name": "a\x00b"}, "Text must not contain U+0000"),
        ({"anything": {"deep": ["\x00"]}}, "Text must not contain U+0000"),
        ({"description": "half \ud800 pair"}, "Text contains an unpaired surrogate"),
    ],
)
def test_bad_record(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    assert outcome(jsonl(tmp_path, {**GOOD, **change}, GOOD)) == [(1, message), (2, "mealie")]


@pytest.mark.parametrize("kind", ["blog", ["product page"], {"a": 1}, 5, True])
def test_kind_is_one_of_a_list(tmp_path: Path, kind: Any) -> None:
    ((_, message),) = outcome(jsonl(tmp_path, {**GOOD, "kind": kind}))
    assert message.startswith("kind must be one of catalogue, documentation, encyclopedia, forum, ")


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity"])
def test_numbers_that_are_none(tmp_path: Path, number: bytes) -> None:
    line = json.dumps({**GOOD, "stars": "N"}).encode().replace(b'"N"', number)
    assert outcome(jsonl(tmp_path, line)) == [(1, f"not valid JSON: {number.decode()} is not a number")]


@pytest.mark.parametrize("field", ["stars", "founded"])
def test_number_beyond_all_bounds(tmp_path: Path, field: str) -> None:
    line = json.dumps({**GOOD, field: "N"}).encode().replace(b'"N"', b"1e999")
    ((_, message),) = outcome(jsonl(tmp_path, line))
    assert message in ("stars must be a number from 0", "founded must be a year")


def test_escape_that_is_no_nul_is_only_text(tmp_path: Path) -> None:
    record = only(jsonl(tmp_path, {**GOOD, "description": r"It prints \u0000 for nothing."}))
    assert record.text == r"It prints \u0000 for nothing."


@pytest.mark.parametrize(
    "line", [b"\xff\xfe", b'{"id": "\xff"}', b"[" * 100_000, b'{"a":' * 990 + b"1" + b"}" * 990]
)
def test_lines_that_are_no_text_or_too_deep(tmp_path: Path, line: bytes) -> None:
    found = outcome(jsonl(tmp_path, line, GOOD))
    assert found[0][0] == 1
    assert found[0][1] != "mealie"
    assert found[1] == (2, "mealie")


def test_byte_order_mark(tmp_path: Path) -> None:
    assert only(jsonl(tmp_path, b"\xef\xbb\xbf" + json.dumps(GOOD).encode())).key == "mealie"
    assert (
        only(csv(tmp_path, "\ufeffid,name,url,text\nmealie,Mealie,https://mealie.io,Recipes.")).key
        == "mealie"
    )


def test_huge_line_is_skipped_whole(tmp_path: Path) -> None:
    huge = b'{"id": "' + b"x" * (3 * importing.MAX_LINE) + b'"}'
    path = jsonl(tmp_path, GOOD, huge, {**GOOD, "id": "b"})
    assert outcome(path) == [(1, "mealie"), (2, "longer than 4000000 bytes"), (3, "b")]
    assert outcome(jsonl(tmp_path, GOOD, huge)) == [(1, "mealie"), (2, "longer than 4000000 bytes")]


def test_csv_record(tmp_path: Path) -> None:
    text = (
        "id,name,url,description,stars,archived,licenses,commits_by_month,founded\n"
        'mealie,Mealie,https://mealie.io,"Keeps recipes, and\nplans meals.",1200,false,"AGPL-3.0, MIT",'
        '"{""2026-01"": 12}",2017\n'
    )
    record = only(csv(tmp_path, text))
    assert (record.key, record.founded) == ("mealie", 2017)
    assert record.text == "Keeps recipes, and\nplans meals."
    assert record.facts == {
        "stars": 1200,
        "archived": False,
        "licenses": ["AGPL-3.0", "MIT"],
        "commits_by_month": {"2026-01": 12},
    }


def test_csv_lines_are_counted_as_an_editor_does(tmp_path: Path) -> None:
    text = (
        'id,name,url,text\na,A,https://a.example,"One\ntwo."\nb,,https://b.example,B.\n'
        "c,C,https://c.example,C.,too,many\nd,D\n"
    )
    assert outcome(csv(tmp_path, text)) == [
        (3, "a"),
        (4, "name required"),
        (5, "more fields than the header has"),
        (6, "url required"),
    ]


def test_csv_with_huge_field_goes_on(tmp_path: Path) -> None:
    head = "id,name,url,text\n"
    big = f"a,A,https://a.example,{'x' * 300_000}\n"
    huge = f"b,B,https://b.example,{'x' * (importing.MAX_LINE + 1)}\n"
    found = outcome(csv(tmp_path, head + big + huge + "c,C,https://c.example,C.\n"))
    assert found == [
        (2, "text is longer than 200000 characters"),
        (3, "not valid CSV: field larger than field limit (4000000)"),
        (4, "c"),
    ]


def test_csv_with_nul_and_foreign_bytes(tmp_path: Path) -> None:
    text = b"id,name,url,text\na,A\x00,https://a.example,A.\nb,B\xff,https://b.example,B.\n"
    found = [record for _, record in importing.read(csv(tmp_path, text))]
    assert str(found[0]) == "Text must not contain U+0000"
    assert str(found[1]) == "Text contains an unpaired surrogate"


def test_csv_with_a_quote_that_is_never_closed(tmp_path: Path) -> None:
    text = b'id,name,url,text\na,A,https://a.example,"never ends\nb,B,https://b.example,B.\n'
    (found,) = [record for _, record in importing.read(csv(tmp_path, text))]
    assert str(found) == "not valid CSV: unexpected end of data"


@pytest.mark.parametrize("content", ["", "id,name,url,text\n", "\n\n"])
def test_empty_files(tmp_path: Path, content: str) -> None:
    assert outcome(csv(tmp_path, content)) == []
    path = tmp_path / "empty.jsonl"
    path.touch()
    assert outcome(path) == []


@pytest.mark.parametrize("name", ["sources.json", "sources.txt", "sources", "sources.xlsx"])
def test_files_of_another_kind(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadRecord, match=rf"^{name}: expected a \.jsonl, \.ndjson or \.csv file$"):
        list(importing.read(tmp_path / name))


def parsed(**change: Any) -> Record:
    return importing.parse({**GOOD, **change})


@pytest.mark.django_db
def test_storing_cuts_passages_that_stand_in_the_text() -> None:
    tally = importing.store("test", [parsed()])
    assert (tally.created, tally.updated, tally.unchanged, tally.changed) == (1, 0, 0, 1)
    source = Source.objects.get()
    assert source.pk == Source.id_for("test", "mealie")
    assert (source.origin, source.key, source.domain) == ("test", "mealie", "mealie.io")
    assert (source.vector, source.vector_model) == (None, "")
    cut = [source.text[p.start : p.end] for p in source.passages.order_by("start")]
    assert cut == ["Mealie keeps recipes.", "It plans meals for families."]


@pytest.mark.django_db
def test_storing_again_changes_nothing() -> None:
    importing.store("test", [parsed()])
    indexing.index()
    before = list(Source.objects.values_list("id", "fetched_at", "vector_model"))
    tally = importing.store("test", [parsed()])
    assert (tally.created, tally.updated, tally.unchanged, tally.changed) == (0, 0, 1, 0)
    assert list(Source.objects.values_list("id", "fetched_at", "vector_model")) == before
    assert Passage.objects.filter(vector=None).count() == 0


@pytest.mark.django_db
@pytest.mark.parametrize("change", [{"description": "Another text."}, {"name": "Mealie 2"}])
def test_change_takes_the_vectors_away(change: dict[str, Any]) -> None:
    importing.store("test", [parsed(), parsed(id="other")])
    indexing.index()
    tally = importing.store("test", [parsed(**change)])
    assert (tally.created, tally.updated, tally.unchanged) == (0, 1, 0)
    changed, other = Source.objects.get(key="mealie"), Source.objects.get(key="other")
    assert (changed.vector, changed.vector_model) == (None, "")
    assert other.vector is not None
    spans = [span.text for span in texts.sentences(changed.text)]
    assert [changed.text[p.start : p.end] for p in changed.passages.order_by("start")] == spans
    assert set(changed.passages.values_list("vector", flat=True)) == {None}


@pytest.mark.django_db
def test_key_counts_within_its_origin() -> None:
    importing.store("one", [parsed()])
    assert importing.store("two", [parsed()]).created == 1
    assert Source.objects.count() == 2


@pytest.mark.django_db
def test_last_of_a_repeated_key_wins() -> None:
    importing.store("test", [parsed(), parsed(name="Mealie again")])
    assert Source.objects.get().name == "Mealie again"


def test_batches_keep_order_and_lose_nothing() -> None:
    made = [parsed(id=str(number)) for number in range(401)]
    found = list(importing.batches(made))
    assert [len(batch) for batch in found] == [200, 200, 1]
    assert [record for batch in found for record in batch] == made


OTHER_CHANGES = [{"stars": 5}, {"kind": "repository"}, {"pricing": "free"}, {"updated_at": "2026-02-01"}]


@pytest.mark.django_db
@pytest.mark.parametrize("change", OTHER_CHANGES)
def test_what_is_not_embedded_may_change_without_that(change: dict[str, Any]) -> None:
    importing.store("test", [parsed()])
    indexing.index()
    made = Source.objects.values("vector_model").get()
    tally = importing.store("test", [parsed(**change)])
    assert (tally.created, tally.updated, tally.unchanged) == (0, 1, 0)
    assert Source.objects.values("vector_model").get() == made
    assert Passage.objects.exclude(vector=None).count() == 2
    assert importing.store("test", [parsed(**change)]).unchanged == 1


def read_on(day: int, **values: Any) -> Record:
    """A page of no date of its own, read that day."""
    date = datetime.date(2026, 11, day)
    values = {"text": "Mealie keeps recipes. It plans meals.", "published_on": date, **values}
    return Record(key="mealie.io", name="Mealie", url="https://mealie.io", retrieved=True, **values)


@pytest.mark.django_db
def test_a_page_that_says_the_same_is_not_newer_for_being_read_again() -> None:
    importing.store("live", [read_on(1)])
    indexing.index()
    before = Source.objects.values().get()
    assert importing.store("live", [read_on(9)]).unchanged == 1
    assert Source.objects.values().get() == before
    importing.store("live", [read_on(12, text="Mealie forgets recipes.")])
    assert Source.objects.get().published_on == datetime.date(2026, 11, 12)


@pytest.mark.django_db
def test_a_page_that_had_no_day_gets_one() -> None:
    importing.store("live", [read_on(1, published_on=None)])
    assert importing.store("live", [read_on(9)]).updated == 1
    assert Source.objects.get().published_on == datetime.date(2026, 11, 9)


@pytest.mark.django_db(transaction=True)
def test_the_same_sources_stored_at_once() -> None:
    """In different orders, as two runs find them."""
    found = [parsed(id=str(number)) for number in range(60)]
    orders = [found, found[::-1], found[30:] + found[:30], found[::2] + found[1::2]]
    tallies = at_once(4, lambda number: importing.store("test", orders[number]))
    assert [tally.accepted for tally in tallies] == [60] * 4
    assert Source.objects.count() == 60
    assert Passage.objects.count() == 120


@pytest.mark.django_db(transaction=True)
def test_whoever_stores_another_text_second_changes_the_first() -> None:
    def second() -> None:
        importing.store("test", [parsed(description="Another text.")])
        connection.close()

    storing = threading.Thread(target=second)
    with transaction.atomic():
        importing.store("test", [parsed()])
        storing.start()
        installation.until(someone_waits)
    storing.join(10)
    assert Source.objects.get().text == "Another text."
    assert [(each.start, each.end) for each in Passage.objects.all()] == [(0, 13)]


def someone_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'")
        return bool(cursor.fetchone()[0])
