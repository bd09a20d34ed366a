"""What the seed catalogue promises about itself, checked on the file as it is shipped."""

from __future__ import annotations

import datetime
import json
import re
from collections import Counter
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest

from research.analyst import text as texts
from research.corpus import catalogue, importing, spaces

HEAD, *ROWS = (json.loads(line) for line in catalogue.FILE.read_text(encoding="utf-8").splitlines())
FIELDS = {"id", "name", "url", "category", "founded", "pricing", "sentences"}


def repeated(values: list[Any]) -> list[Any]:
    return [value for value, count in Counter(values).items() if count > 1]


def test_head_says_what_this_is_and_as_of_when() -> None:
    assert HEAD["format"] == "manticscore-catalogue"
    assert datetime.date.fromisoformat(HEAD["as_of"]).year >= 2026
    assert "general knowledge" in HEAD["note"]
    assert "unverified" in HEAD["note"]
    assert HEAD["products"] == len(ROWS)


def test_size() -> None:
    assert len(ROWS) >= 400
    assert len({row["category"] for row in ROWS}) >= 40


def test_ids_names_and_addresses_are_unique() -> None:
    assert repeated([row["id"] for row in ROWS]) == []
    assert repeated([row["name"].casefold() for row in ROWS]) == []
    assert repeated([row["url"].rstrip("/").casefold() for row in ROWS]) == []


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
def test_product(row: dict[str, Any]) -> None:
    assert set(row) <= FIELDS
    assert re.fullmatch(r"[a-z0-9][a-z0-9.+-]*", row["id"])
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", row["category"])
    assert row["name"] == row["name"].strip()
    address = urlsplit(row["url"])
    assert address.scheme in ("http", "https")
    assert "." in address.hostname
    assert row.get("founded") is None or 1950 <= row["founded"] <= 2026
    assert 8 <= len(row["sentences"]) <= 20
    assert repeated(row["sentences"]) == []
    for sentence in row["sentences"]:
        assert sentence == texts.normalise_space(sentence)
        assert sentence.endswith(".")
        assert 4 <= len(sentence.split()) <= 60, sentence


def test_no_sentence_is_cut_in_two() -> None:
    """The analyst quotes what its own rules take for sentences; half of one would be a poor quote."""
    for row in ROWS:
        ends = {end for _, end in spans(row["sentences"])}
        cut = [(span.start, span.end) for span in texts.sentences(" ".join(row["sentences"]))]
        assert {end for _, end in cut} <= ends, row["id"]
        assert len(cut) >= len(row["sentences"]) - 1, row["id"]


def spans(sentences: list[str]) -> list[tuple[int, int]]:
    found, at = [], 0
    for sentence in sentences:
        found.append((at, at + len(sentence)))
        at += len(sentence) + 1
    return found


def test_everything_can_be_imported() -> None:
    records = catalogue.records()
    assert len(records) == len(ROWS)
    assert {record.kind for record in records} == {"catalogue"}
    assert {record.published_on for record in records} == {None}
    assert records[0] == importing.parse({**ROWS[0], "kind": "catalogue"})


def test_shipped_vectors_belong_to_exactly_this_file() -> None:
    vectors = catalogue.shipped_vectors(catalogue.file_digest())
    assert vectors is not None, "run catalogue.ship_vectors() after a change of the catalogue"
    passages = sum(len(texts.sentences(" ".join(row["sentences"]))) for row in ROWS)
    assert vectors.shape == (len(ROWS) + passages, 384)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-4)


def test_vectors_of_another_file_or_model_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    assert catalogue.shipped_vectors("0" * 64) is None
    monkeypatch.setattr(spaces, "MINILM", "another model")
    assert catalogue.shipped_vectors(catalogue.file_digest()) is None
