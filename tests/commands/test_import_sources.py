"""manage.py import_sources FILE"""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from research.corpus import indexing, spaces
from research.models import CorpusState, Passage, Source

pytestmark = pytest.mark.django_db
SELFHOSTED = Path(__file__).resolve().parents[3] / "shared" / "data" / "selfhosted.jsonl"
ROWS: list[dict[str, Any]] = [
    {
        "id": name,
        "name": name,
        "url": f"https://{name}.example",
        "text": f"{name} keeps recipes. It plans meals.",
    }
    for name in ("Mealie", "Paprika", "Tandoor")
]


def write(path: Path, *rows: Any) -> Path:
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows))
    return path


def run(*arguments: Any) -> tuple[str, str]:
    """What the command said, and what it complained about."""
    said, complained = io.StringIO(), io.StringIO()
    call_command("import_sources", *map(str, arguments), stdout=said, stderr=complained)
    return said.getvalue().strip(), complained.getvalue()


def test_file_is_stored_and_indexed(tmp_path: Path) -> None:
    said, complained = run(write(tmp_path / "recipes.jsonl", *ROWS))
    assert (said, complained) == ("3 created, 0 updated, 0 unchanged, 0 refused; 3 indexed.", "")
    assert set(Source.objects.values_list("origin", flat=True)) == {"recipes"}
    assert CorpusState.objects.get().sources == 3
    assert Passage.objects.count() == 6
    assert indexing.is_complete()


def test_second_import_changes_nothing(tmp_path: Path) -> None:
    path = write(tmp_path / "recipes.jsonl", *ROWS)
    run(path)
    before = list(Source.objects.order_by("id").values_list("id", "fetched_at", "vector_model"))
    assert run(path) == ("0 created, 0 updated, 3 unchanged, 0 refused; 0 indexed.", "")
    assert list(Source.objects.order_by("id").values_list("id", "fetched_at", "vector_model")) == before


def test_changed_lines_are_updated(tmp_path: Path) -> None:
    run(write(tmp_path / "recipes.jsonl", *ROWS))
    said, _ = run(write(tmp_path / "recipes.jsonl", *ROWS[1:], {**ROWS[0], "text": "Mealie is new."}))
    assert said.startswith("0 created, 1 updated, 2 unchanged, 0 refused; ")
    assert Source.objects.get(key="Mealie").text == "Mealie is new."
    assert indexing.is_complete()


def test_bad_lines_are_reported_and_good_ones_kept(tmp_path: Path) -> None:
    said, complained = run(write(tmp_path / "recipes.jsonl", ROWS[0], "{", ROWS[1], {**ROWS[2], "url": "x"}))
    assert said == "2 created, 0 updated, 0 unchanged, 2 refused; 2 indexed."
    lines = complained.splitlines()
    assert lines[0].startswith("recipes.jsonl:2: not valid JSON: ")
    assert lines[1] == "recipes.jsonl:4: url must begin with http:// or https://"
    assert len(lines) == 2


def test_many_bad_lines_do_not_flood_the_terminal(tmp_path: Path) -> None:
    said, complained = run(write(tmp_path / "recipes.jsonl", *["[]"] * 500, ROWS[0]))
    assert said == "1 created, 0 updated, 0 unchanged, 500 refused; 1 indexed."
    lines = complained.splitlines()
    assert lines[19:] == ["recipes.jsonl:20: not a JSON object", "further errors are counted, not shown"]


def test_csv(tmp_path: Path) -> None:
    path = write(
        tmp_path / "recipes.csv", "id,name,url,text", "a,A,https://a.example,A keeps recipes.", "b,,,"
    )
    said, complained = run(path)
    assert said == "1 created, 0 updated, 0 unchanged, 1 refused; 1 indexed."
    assert complained == "recipes.csv:3: name required\n"


def test_origin_keeps_sets_apart(tmp_path: Path) -> None:
    path = write(tmp_path / "recipes.jsonl", *ROWS)
    run(path, "--origin", "one")
    assert run(path, "--origin", "two")[0] == "3 created, 0 updated, 0 unchanged, 0 refused; 6 indexed."


def test_name_too_long_for_an_origin(tmp_path: Path) -> None:
    path = write(tmp_path / f"{'x' * 41}.jsonl", *ROWS)
    with pytest.raises(CommandError, match=r"has more than 40 characters; give an --origin$"):
        run(path)
    assert Source.objects.count() == 0
    assert run(path, "--origin", "x" * 40)[0].startswith("3 created")


@pytest.mark.parametrize("name", ["absent.jsonl", "."])
def test_file_that_is_none(tmp_path: Path, name: str) -> None:
    with pytest.raises(CommandError, match=r"^There is no file "):
        run(tmp_path / name)


def test_file_of_another_kind(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"^recipes\.xlsx: expected a \.jsonl, \.ndjson or \.csv file$"):
        run(write(tmp_path / "recipes.xlsx", "x"))


def test_empty_file(tmp_path: Path) -> None:
    said, complained = run(write(tmp_path / "recipes.jsonl"))
    assert (said, complained) == ("0 created, 0 updated, 0 unchanged, 0 refused; 0 indexed.", "")


def test_large_list_of_self_hosted_software(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every line of a real file of 1,348 products is understood, stored once, and known again."""
    if not SELFHOSTED.exists():
        pytest.skip(f"{SELFHOSTED} is not on this machine")
    monkeypatch.setattr(indexing, "index", lambda progress: 0)  # minutes; tests/research embeds
    count = sum(1 for line in SELFHOSTED.read_bytes().splitlines() if line.strip())
    said, complained = run(SELFHOSTED)
    assert (said, complained) == (f"{count} created, 0 updated, 0 unchanged, 0 refused; 0 indexed.", "")
    assert Source.objects.count() == count
    assert run(SELFHOSTED)[0] == f"0 created, 0 updated, {count} unchanged, 0 refused; 0 indexed."
    assert not Source.objects.filter(domain="").exists()
    assert spaces.NONE not in set(Source.objects.values_list("vector_model", flat=True))
