"""`manage.py bench`: short runs of it, and what decides its exit status."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from manticscore.benchmarks import Measurement, replay
from manticscore.management.commands import bench
from manticscore.settings import BASE_DIR

SHORT = ["--rounds", "1", "--events", "100", "--replay-events", "700"]


def run(output: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(BASE_DIR / "manage.py"), "bench", *SHORT, "--output", str(output)]
    env = {**os.environ, **environment}
    return subprocess.run(
        [*command, *options], capture_output=True, text=True, timeout=110, check=False, env=env
    )


def test_append_is_compared_with_a_bare_insert(tmp_path: Path) -> None:
    done = run(tmp_path / "results.json", "--only", "append")
    results = json.loads((tmp_path / "results.json").read_text())["results"]
    required = {result["name"]: result["required"] for result in results if result["required"]}
    assert required == {"append / bare insert": 0.5, "batches / one at a time": 10.0}
    # So short a run may miss a ratio on a busy machine; the exit status must say which it was.
    assert done.returncode == (0 if all(result["passed"] for result in results) else 1), done.stderr
    assert "append / bare insert" in done.stdout


def test_replay_is_measured_over_a_real_server(tmp_path: Path) -> None:
    done = run(tmp_path / "results.json", "--only", "replay")
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "results.json").read_text())["results"]
    assert [result["name"] for result in results] == [
        "bare psycopg SELECT",
        "replay of 700 events, NDJSON",
        "replay / bare SELECT",
    ]
    assert all(result["value"] > 0 for result in results)


def test_without_wrk_the_requests_are_left_out(tmp_path: Path) -> None:
    done = run(tmp_path / "results.json", "--only", "requests", PATH=str(tmp_path))
    assert (done.returncode, done.stdout) == (0, "")
    assert "wrk is not installed" in done.stderr
    assert not (tmp_path / "results.json").exists()


@pytest.mark.parametrize("option", [["--rounds", "0"], ["--events", "-1"], ["--only", "nothing"]])
def test_odd_options_are_refused(tmp_path: Path, option: list[str]) -> None:
    assert run(tmp_path / "results.json", *option).returncode == 2


def test_only_a_required_figure_can_fail() -> None:
    assert Measurement("speed", 1, "events/s").passed
    assert Measurement("ratio", 0.5, "ratio", 0.5).passed
    assert not Measurement("ratio", 0.49, "ratio", 0.5).passed


def test_the_table_says_what_was_missed() -> None:
    table = bench.table([Measurement("ratio", 0.4, "ratio", 0.5, (0.3, 0.5))])
    cells = [next(iter(column.cells)) for column in table.columns]
    assert cells == ["ratio", "0.4", "ratio", "0.3 to 0.5", "0.5 MISSED"]


def test_an_incomplete_replay_is_no_result() -> None:
    lines = [b'{"data":{}}', b'{"data":{"seq":1}}', b'{"data":{"seq":3}}']
    with pytest.raises(replay.WrongReplay):
        replay.check(b"\n".join(lines), 2)
