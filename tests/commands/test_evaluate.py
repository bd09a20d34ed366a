"""`manage.py evaluate`: the files it takes, the figures it prints, what it leaves behind."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from rich.console import Console

from manticscore.lib import scratchdb
from manticscore.settings import BASE_DIR, DATABASES
from research import evaluation
from research.corpus import catalogue
from research.evaluation import BadInput, Case, Outcome, Run
from research.management.commands import evaluate
from tests.helpers.llm_analyst import work
from tests.helpers.llm_server import llm_server

CORPUS = [
    {"id": "mealie", "name": "Mealie", "url": "https://mealie.example",
     "description": "Mealie keeps recipes and plans meals. Families share a shopping list."},
    {"id": "tandoor", "name": "Tandoor", "url": "https://tandoor.example",
     "description": "Tandoor manages recipes and plans the meals of a week."},
    {"id": "kimai", "name": "Kimai", "url": "https://kimai.example",
     "description": "Kimai tracks working time and writes invoices for customers."},
    {"id": "umami", "name": "Umami", "url": "https://umami.example",
     "description": "Umami counts the visitors of websites without cookies."},
]  # fmt: skip
CASES = [{"idea": "A recipe box where families plan meals", "relevant": ["mealie", "tandoor"]}]


def write(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    return write(tmp_path / "cases.jsonl", CASES)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    return write(tmp_path / "corpus.jsonl", CORPUS)


def start(cases: Path, corpus: Path) -> subprocess.Popen[str]:
    """A process of its own: the command changes the database under Django's feet."""
    command = [sys.executable, str(BASE_DIR / "manage.py"), "evaluate"]
    return subprocess.Popen(
        [*command, "--cases", str(cases), "--corpus", str(corpus)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def scratch_databases() -> list[str]:
    with psycopg.connect(scratchdb.conninfo(DATABASES["default"]["NAME"])) as connection:
        found = connection.execute(
            "SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [scratchdb.PREFIX]
        )
        return [name for (name,) in found.fetchall()]


def figures(output: str) -> dict[str, list[str]]:
    """The printed table: the values by the name of their figure."""
    rows = [re.split(r"\s{2,}", line) for line in output.splitlines()]
    return {name: values for name, *values in rows if values}


UNLABELLED = [
    "figure",
    "precision@10",
    "recall@20",
    "all relevant",
    "listed precision",
    "valid quotes",
    "identical artifacts",
    "seconds p50",
    "seconds p95",
    "dollars per run",
]


def test_prints_each_figure_once_and_leaves_no_database(cases: Path, corpus: Path) -> None:
    output, errors = start(cases, corpus).communicate(timeout=110)
    printed = figures(output)
    assert output.splitlines()[0] == "cases.jsonl, 1 ideas", errors
    assert list(printed) == UNLABELLED
    assert printed["figure"] == ["offline"]
    assert printed["precision@10"] == ["0.200"]  # two of ten places; the corpus has no more
    assert printed["recall@20"] == printed["all relevant"] == printed["valid quotes"] == ["1.000"]
    assert printed["identical artifacts"] == ["1 of 1"]
    assert re.fullmatch(r"\d+\.\d\d", printed["seconds p95"][0])
    assert len(output.splitlines()) == len(UNLABELLED) + 1
    assert "A recipe box" in errors
    assert scratch_databases() == []


def test_a_language_model_is_a_second_column(
    cases: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with llm_server(work) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.openai_url)
        monkeypatch.setenv("LLM_MODEL", "openai:local")
        output, errors = start(cases, corpus).communicate(timeout=110)
    printed = figures(output)
    assert list(printed) == UNLABELLED, errors
    assert printed["figure"] == ["offline", "model"]
    assert printed["precision@10"] == ["0.200", "0.200"]
    assert printed["all relevant"] == printed["valid quotes"] == ["1.000", "1.000"]
    assert printed["identical artifacts"] == ["1 of 1", "-"], "what is paid for runs once"
    assert printed["dollars per run"][0] == "0.0000"
    assert float(printed["dollars per run"][1]) > 0
    assert server.asked


def test_labelled_stages_and_gaps_are_scored(cases: Path, tmp_path: Path) -> None:
    """Two products of three years' difference in a market of one big and some small ones."""
    dated = [{**row, "founded": year} for row, year in zip(CORPUS, (1999, 2026, 2010, 2020), strict=True)]
    labels = {"incumbents": ["mealie"], "emerging": ["tandoor"], "gaps": [["offline"], ["voice control"]]}
    write(cases, [{**CASES[0], "idea": "Offline recipe box where families plan meals", **labels}])
    output, errors = start(cases, write(tmp_path / "dated.jsonl", dated)).communicate(timeout=110)
    printed = figures(output)
    assert set(printed) == {
        *UNLABELLED, "incumbents placed", "emerging placed", "gap precision", "gap recall"
    }, errors  # fmt: skip
    for name in ("incumbents placed", "emerging placed", "gap precision", "gap recall"):
        assert 0 <= float(printed[name][0]) <= 1


def test_own_labels_name_products_of_the_catalogue() -> None:
    cases = evaluation.read_cases(evaluation.LABELLED)
    assert evaluation.check_labels(cases, catalogue.records()) == []
    for case in cases:
        assert all([case.incumbents, case.emerging, case.gaps])
        assert case.incumbents | case.emerging <= case.relevant
        assert not case.incumbents & case.emerging


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_drops_its_database(cases: Path, corpus: Path, number: signal.Signals) -> None:
    process = start(cases, corpus)
    give_up_at = time.monotonic() + 60
    while not scratch_databases():
        assert process.poll() is None
        assert time.monotonic() < give_up_at
        time.sleep(0.02)
    process.send_signal(number)
    _, errors = process.communicate(timeout=50)
    assert process.returncode == 130
    assert "Interrupted" in errors
    assert scratch_databases() == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "holds no ideas"),
        ("{", "cases.jsonl:1: not valid JSON"),
        ("[1]\n", '"idea" must be a text'),
        ('{"idea": " ", "relevant": ["mealie"]}\n', '"idea" must be a text'),
        ('{"idea": "x", "relevant": []}\n', '"relevant" must be a list'),
        ('{"idea": "x", "relevant": [{}]}\n', "product ids only"),
        ('{"idea": "x", "relevant": ["mealie"], "emerging": "mealie"}\n', '"emerging" must hold product ids'),
        ('{"idea": "x", "relevant": ["mealie"], "incumbents": [[]]}\n', '"incumbents" must hold product ids'),
        ('{"idea": "x", "relevant": ["mealie"], "gaps": ["offline"]}\n', '"gaps" must be a list of lists'),
        ('{"idea": "x", "relevant": ["mealie"], "gaps": [["-"]]}\n', '"gaps" must be a list of lists'),
        ('{"idea": "x", "relevant": ["nothing"]}\n', "none of the labelled products"),
    ],
)
def test_malformed_cases_are_refused(cases: Path, corpus: Path, content: str, message: str) -> None:
    cases.write_text(content)
    with pytest.raises(CommandError, match=re.escape(message)) as caught:
        call_command("evaluate", cases=cases, corpus=corpus)
    assert caught.value.returncode == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "holds no products"),
        ("{", "corpus.jsonl:1: not valid JSON"),
        ("[1]\n", "corpus.jsonl:1: not a JSON object"),
        ('{"id": "x"}\n', "corpus.jsonl:1: name required"),
    ],
)
def test_malformed_corpus_is_refused(cases: Path, corpus: Path, content: str, message: str) -> None:
    corpus.write_text(content)
    with pytest.raises(CommandError, match=re.escape(message)):
        call_command("evaluate", cases=cases, corpus=corpus)


@pytest.mark.parametrize("missing", ["cases", "corpus"])
def test_missing_file_is_named(cases: Path, corpus: Path, tmp_path: Path, missing: str) -> None:
    files = {"cases": cases, "corpus": corpus, missing: tmp_path / "nowhere.jsonl"}
    with pytest.raises(CommandError, match=r"nowhere\.jsonl cannot be read: No such file"):
        call_command("evaluate", **files)


def test_binary_file_is_refused(cases: Path, corpus: Path) -> None:
    cases.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CommandError, match="not UTF-8"):
        call_command("evaluate", cases=cases, corpus=corpus)


def test_a_record_that_no_import_takes_is_left_out(tmp_path: Path) -> None:
    path = write(
        tmp_path / "corpus.jsonl", [*CORPUS, {"id": "x", "name": "X", "url": "ftp://x", "text": "X."}]
    )
    records, refused = evaluation.read_corpus(path)
    assert len(records) == len(CORPUS)
    assert refused == ["corpus.jsonl:5: url must begin with http:// or https://"]


def test_a_corpus_may_be_csv(tmp_path: Path) -> None:
    path = tmp_path / "corpus.csv"
    path.write_text("id,name,url,description\nmealie,Mealie,https://mealie.example,It plans meals.\n")
    records, _ = evaluation.read_corpus(path)
    assert [record.key for record in records] == ["mealie"]


def outcome(found: list[str], relevant: set[str], again: str = "a") -> Outcome:
    first, second = (Run(found, 1.0, digest, "", 4, 4) for digest in ("a", again))
    return Outcome(Case("idea", frozenset(relevant)), first, second)


def test_recall_counts_what_twenty_places_can_hold() -> None:
    many = {str(number) for number in range(55)}
    perfect = outcome([str(number) for number in range(55)], many)
    assert (perfect.precision, perfect.recall) == (1.0, 1.0)
    assert perfect.plain_recall == pytest.approx(20 / 55)


def test_hits_beyond_the_places_do_not_count() -> None:
    late = outcome([f"other {number}" for number in range(10)] + ["a"], {"a", "b"})
    assert (late.precision, late.recall) == (0.0, 0.5)


def test_a_run_without_artifact_is_not_identical_to_another() -> None:
    assert outcome([], {"a"}).identical
    assert not outcome([], {"a"}, again="b").identical
    nothing = Run([], 1.0, "", "EMPTY_OUTPUT", 0, 0)
    assert not Outcome(Case("idea", frozenset("a")), nothing, nothing).identical


def test_finding_nothing_is_a_score_but_breaking_is_a_failure() -> None:
    fine, empty, broken = (Run([], 1.0, "", code, 0, 0) for code in ("", "EMPTY_OUTPUT", "INTERNAL_ERROR"))
    assert not Outcome(Case("idea", frozenset("a")), fine, empty).failed
    assert Outcome(Case("idea", frozenset("a")), fine, broken).failed


def test_a_claim_without_proof_counts_against_the_quotes() -> None:
    proved = Run([], 1.0, "a", "", 4, 4)
    summary = evaluation.summarise([Outcome(Case("i", frozenset("a")), proved, Run([], 3.0, "a", "", 4, 2))])
    assert summary.valid_quotes == 0.75
    assert summary.p50 == 2.0


def labelled(stages: dict[str, set[str]], gaps: tuple[str, ...]) -> Outcome:
    case = Case("i", frozenset("abcd"), frozenset("ab"), frozenset("c"), (("bulk send",), ("exports", "CSV")))
    incumbents, emerging = (frozenset(stages.get(stage, ())) for stage in ("incumbents", "emerging"))
    run = Run(["a"], 1.0, "a", "", 4, 4, incumbents=incumbents, emerging=emerging, gaps=gaps)
    return Outcome(case, run, run)


def test_a_product_in_the_wrong_stage_or_in_none_is_not_placed() -> None:
    summary = evaluation.summarise([labelled({"incumbents": {"a", "c"}, "emerging": {"b"}}, ())])
    assert (summary.incumbents, summary.emerging) == (0.5, 0.0)


def test_gaps_hold_when_they_say_all_words_of_a_label() -> None:
    told = ("bulk sending of contracts", "send", "export")
    summary = evaluation.summarise([labelled({}, told), labelled({}, ())])
    assert summary.gap_precision == pytest.approx(2 / 3)
    assert summary.gap_recall == pytest.approx(2 / 4)


def test_a_label_is_found_once_however_often_it_is_told() -> None:
    summary = evaluation.summarise([labelled({}, ("CSV export", "exporting tables"))])
    assert (summary.gap_precision, summary.gap_recall) == (1.0, 0.5)


def test_what_nobody_labelled_has_no_figure() -> None:
    summary = evaluation.summarise([outcome(["a"], {"a"})])
    assert (summary.incumbents, summary.emerging, summary.gap_precision, summary.gap_recall) == (None,) * 4


def test_own_set_comes_after_the_one_that_was_given(cases: Path, corpus: Path) -> None:
    given = {"cases": cases, "corpus": corpus, "labelled": True}
    titles = [one.title for one in evaluate.sets(given, Console())]
    assert titles == ["cases.jsonl, 1 ideas", evaluate.OWN.format(9)]
    alone = evaluate.sets({"cases": None, "corpus": None, "labelled": True}, Console())
    assert [one.title for one in alone] == titles[1:]


@pytest.mark.parametrize("options", [{}, {"cases": Path("x")}, {"corpus": Path("x"), "labelled": True}])
def test_files_come_in_pairs(options: dict[str, Any]) -> None:
    with pytest.raises(CommandError, match="belong together"):
        call_command("evaluate", **options)


def test_rows_are_found_wherever_they_stand() -> None:
    quote = {"source_id": "s", "text": "plans", "start": 7, "end": 12}
    artifact = {
        "incumbents": [{"evidence": [quote]}],
        "features": [{"evidence": [], "cells": [{"state": "present", "quote": quote}, {"state": "unknown"}]}],
    }
    assert list(evaluation.quoted_rows(artifact)) == [[quote], [], [quote]]
    assert evaluation.stands(quote, {"s": "Mealie plans meals."})
    assert not evaluation.stands({**quote, "start": 8}, {"s": "Mealie plans meals."})
    assert not evaluation.stands(None, {})


def test_files_in_the_wrong_order_are_told_apart(cases: Path, corpus: Path) -> None:
    with pytest.raises(BadInput, match='"idea" must be a text'):
        evaluation.read_cases(corpus)
