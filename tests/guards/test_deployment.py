"""The files for running in production name only what exists."""

from __future__ import annotations

import re
import shlex
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import get_commands, load_command_class

from manticscore import embedded_postgres
from tests.helpers.installation import Installation, Running, fresh_database, until

ROOT = Path(__file__).resolve().parents[2]
UNITS = sorted((ROOT / "deploy" / "systemd").glob("*.service"))
READERS = ["settings.py", "embedded_postgres.py", "management/commands/serve.py", "lib/hosts.py"]
SECRETS = ("PASSWORD", "SECRET", "KEY", "TOKEN")
ANALYZE = shutil.which("systemd-analyze")


def compose() -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / "compose.yaml").read_text()))


def variables() -> set[str]:
    """What the product reads from its environment."""
    text = "".join((ROOT / "manticscore" / name).read_text() for name in READERS)
    return set(re.findall(r"(?:env[a-z]+\(|environ\.get\()\s*[\"']([A-Z_]+)", text))


def ours() -> dict[str, dict[str, Any]]:
    services = compose()["services"]
    return {name: service for name, service in services.items() if service["image"] == "manticscore"}


def command_lines() -> list[str]:
    """Everything after `manage.py`, wherever it is started."""
    found = [line.partition("manage.py ")[2] for line in (ROOT / "Procfile").read_text().splitlines()]
    found += re.findall(r"^ExecStart=\S+ manage\.py (.*)", "\n".join(u.read_text() for u in UNITS), re.M)
    found += [shlex.join(service["command"]) for service in ours().values()]
    (default,) = re.findall(r"^CMD \[(.*)\]", (ROOT / "Dockerfile").read_text(), re.M)
    found.append(default.replace('"', "").replace(",", ""))
    return [line.replace("%i", "8001") for line in found if line]


def test_the_guard_sees_something() -> None:
    assert {"DATABASE_URL", "REDIS_URL", "METRICS_TOKEN", "HOST", "PORT", "DATA_DIR"} <= variables()
    assert len(UNITS) == 3
    assert len(ours()) == 3
    assert len(command_lines()) == 10


@pytest.mark.parametrize("line", sorted(set(command_lines())))
def test_commands_and_their_options_exist(line: str) -> None:
    name, *options = shlex.split(line)
    command = load_command_class(get_commands()[name], name)
    command.create_parser("manage.py", name).parse_args(options)


def test_variables_exist() -> None:
    text = (ROOT / "Dockerfile").read_text()
    pairs = re.findall(r"^ENV (.*)$", text, re.M)
    named = {name for line in pairs for name in re.findall(r"([A-Z_]+)=", line)}
    assert {name for name in named if not name.startswith(("PYTHON", "PIP_"))} <= variables()
    for service in ours().values():
        assert set(service["environment"]) <= variables()
    for unit in UNITS:
        lines = re.findall(r"^Environment=([A-Z_]+)=|^# ([A-Z_, ]+), ", unit.read_text(), re.M)
        told = {name for line in lines for part in line for name in part.split(", ") if name}
        assert told <= variables(), unit.name


def test_no_secret_is_written_down() -> None:
    """Compose takes them from its own environment, and refuses to start without those that must be there."""
    for service in compose()["services"].values():
        for name, value in service.get("environment", {}).items():
            if any(word in name for word in SECRETS):
                assert re.fullmatch(r"\$\{" + name + r":(\?.+|-)\}", value), name
    assert ":?" in ours()["web"]["environment"]["DATABASE_URL"]


def test_files_that_are_named_exist() -> None:
    for service in compose()["services"].values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert not source.startswith(".") or (ROOT / source).is_file()
    copied = re.search(r"^COPY (requirements.*) \./$", (ROOT / "Dockerfile").read_text(), re.M)
    assert copied is not None
    assert all((ROOT / name).is_file() for name in copied[1].split())


def test_whoever_stops_them_waits_long_enough(settings: Any) -> None:
    needed = settings.JOB_DRAIN + 2 + 3  # until jobs are handed back
    worker = (ROOT / "deploy" / "systemd" / "manticscore-worker@.service").read_text()
    (seconds,) = re.findall(r"^TimeoutStopSec=(\d+)$", worker, re.M)
    assert int(seconds) > needed
    assert int(ours()["worker"]["stop_grace_period"].removesuffix("s")) > needed


@pytest.mark.skipif(ANALYZE is None, reason="systemd is not installed")
def test_systemd_understands_the_units(tmp_path: Path) -> None:
    for unit in UNITS:
        text = unit.read_text().replace("/opt/manticscore/.venv/bin/python", sys.executable)
        (tmp_path / unit.name).write_text(text)
    copies = [str(tmp_path / unit.name) for unit in UNITS]
    checked = subprocess.run([str(ANALYZE), "verify", *copies], capture_output=True, text=True)
    said = [line for line in checked.stderr.splitlines() if "manticscore" in line]
    assert said == []


class Honcho(Running):
    """The Procfile, run by honcho; every process gets a port of its own from it."""

    def __init__(self, installation: Installation, port: int) -> None:
        log = installation.directory / "honcho.log"
        self.name, self._log = "honcho", log
        self._output = log.open("wb")
        environment = installation._environment | {
            "PATH": f"{Path(sys.executable).parent}:{installation._environment['PATH']}",
            "PYTHONUNBUFFERED": "1",
        }
        command = [sys.executable, "-m", "honcho", "start", "-p", str(port), "-c", "web=2,worker=1"]
        self._process = subprocess.Popen(
            command, cwd=embedded_postgres.BASE_DIR, env=environment, stdout=self._output, stderr=self._output
        )


def two_free_ports() -> int:
    """The first of two ports in a row that nobody has."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as first:
            port = int(first.getsockname()[1])
            try:
                socket.create_server(("127.0.0.1", port + 1)).close()
            except (OSError, OverflowError):
                continue
            return port


def test_the_procfile_runs(prepared: str, tmp_path: Path) -> None:
    port = two_free_ports()
    with fresh_database("procfile", template=prepared) as url:
        installation = Installation(tmp_path, url)
        with Honcho(installation, port) as honcho:
            for each in (port, port + 1):
                honcho.says(f"Listening on http://127.0.0.1:{each} ")
            alive = "SELECT count(*) FROM procrastinate_workers"
            until(lambda: installation.query(alive) == [(1,)], "the worker to register")
            honcho.stop()
            assert re.findall(r"stopped \(rc=(-?\d+)\)", honcho.output) == ["0", "0", "0"]
            assert "Worker stopped." in honcho.output
