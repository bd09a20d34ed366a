"""`manage.py bench`: short runs of it, and what decides its exit status."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from manticscore.benchmarks import Measurement
from manticscore.management.commands import bench
from manticscore.settings import BASE_DIR

PATIENCE = 110  # seconds


def run(output: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(BASE_DIR / "manage.py"), "bench", "--quick", "--rounds", "1"]
    return subprocess.run(
        [*command, "--output", str(output), *options],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        env={**os.environ, **environment},
    )


def measured(tmp_path: Path, part: str, **environment: str) -> dict[str, Any]:
    """The rows of a short run, by name. What is required of it cannot be met and is not."""
    done = run(tmp_path / "results.json", "--only", part, **environment)
    assert done.returncode == 0, done.stderr
    rows = json.loads((tmp_path / "results.json").read_text())["results"]
    assert all(row["name"].split()[0] in done.stdout for row in rows)
    return {row["name"]: row for row in rows}


def without_node(tmp_path: Path) -> str:
    """A PATH on which there is no npm, so that nothing is installed."""
    folder = tmp_path / "bin"
    folder.mkdir()
    return str(folder)


def test_append_is_compared_with_a_bare_insert(tmp_path: Path) -> None:
    rows = measured(tmp_path, "append")
    required = {name: row["required"] for name, row in rows.items() if row["required"]}
    assert required == {
        "append / bare insert": 0.5,
        "batches / one at a time": 10.0,
        "append, 8 writers / bare": 0.7,
    }
    assert all(row["value"] > 0 for row in rows.values())


def test_delivery_is_measured_beside_its_peers(tmp_path: Path) -> None:
    rows = measured(tmp_path, "delivery", PATH=without_node(tmp_path))
    for part in ("burst, 4 streams of 40", "fan-out, 40 to 4 readers"):
        for system in ("ours", "tutorial Channels", "bare broadcast"):
            assert rows[f"{part}: {system}"]["value"] > 0, rows[f"{part}: {system}"]["note"]
        assert rows[f"{part}: Socket.IO"]["value"] is None
        assert rows[f"{part}: Socket.IO"]["note"] == "npm is not installed"
    assert rows["burst: the load generator's own ceiling"]["value"] > 0
    assert rows["burst / tutorial Channels' fan-out"]["required"] == 10.0


def test_replay_is_measured_over_both_transports(tmp_path: Path) -> None:
    rows = measured(tmp_path, "replay")
    for way in ("bare psycopg SELECT", "NDJSON, 8 clients", "WebSocket, 8 clients", "Redis XREAD, 1 client"):
        assert rows[f"replay of 700: {way}"]["value"] > 0


def test_connections_hold_neither_threads_nor_database_connections(tmp_path: Path) -> None:
    rows = measured(tmp_path, "connections", PATH=without_node(tmp_path))
    for name in ("ours", "ours, NDJSON"):
        assert rows[f"connections: {name}"]["value"] > 0
        assert rows[f"10 idle connections: {name}, threads for them"]["at_most"] == 0


def test_without_wrk_the_requests_are_left_out(tmp_path: Path) -> None:
    done = run(tmp_path / "results.json", "--only", "requests", PATH=str(tmp_path))
    assert (done.returncode, done.stdout) == (0, "")
    assert "wrk is not installed" in done.stderr
    assert not (tmp_path / "results.json").exists()


@pytest.mark.parametrize("option", [["--rounds", "0"], ["--rounds", "-1"], ["--only", "append,nothing"]])
def test_odd_options_are_refused(tmp_path: Path, option: list[str]) -> None:
    assert run(tmp_path / "results.json", *option).returncode == 2


def test_only_a_required_figure_can_fail() -> None:
    assert Measurement("speed", 1, "events/s").passed
    assert Measurement("ratio", 0.5, "ratio", 0.5).passed
    assert not Measurement("ratio", 0.49, "ratio", 0.5).passed
    assert Measurement("delay", 25, "ms", at_most=25).passed
    assert not Measurement("delay", 26, "ms", at_most=25).passed
    assert Measurement("peer", None, "events/s", note="not installed").passed
    assert not Measurement("ours", None, "events/s", 5000, note="an event was lost").passed


def test_the_table_says_what_was_missed() -> None:
    def cells(row: Measurement) -> list[Any]:
        return [next(iter(column.cells)) for column in bench.table([row]).columns]

    assert cells(Measurement("ratio", 0.4, "ratio", 0.5, (0.3, 0.5))) == [
        "ratio", "0.4", "ratio", "0.3 to 0.5", "0.5 MISSED",
    ]  # fmt: skip
    assert cells(Measurement("delay", 3, "ms", at_most=25))[-1] == "at most 25 met"
    assert cells(Measurement("ours", None, "events/s", 5000, note="late")) == [
        "ours", "-", "events/s", "", "5,000 MISSED late",
    ]  # fmt: skip


def test_build_graphs_are_planned_and_read(tmp_path: Path) -> None:
    rows = measured(tmp_path, "build-graphs")
    assert set(rows) == {"build graph of 20 features", "tree of 2,000 nodes", "replay of 2,000 nodes"}
    assert rows["build graph of 20 features"]["at_most"] == 2.0
    assert all(row["value"] > 0 for row in rows.values())


def test_a_full_account_is_compared_with_one_project(tmp_path: Path) -> None:
    rows = measured(tmp_path, "projects")
    for request in ("GET /projects", "GET /projects/{id}/home"):
        assert rows[f"{request}: p95, one project"]["value"] > 0
        assert rows[f"{request}: p95, full account"]["value"] > 0
        assert rows[f"{request}: one project / full account"]["required"] == pytest.approx(1 / 1.5)
