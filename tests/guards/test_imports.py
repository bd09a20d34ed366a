"""Import direction: a module imports only from its own layer and those below it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LAYERS = ("manticscore", "accounts", "realtime", "projects", "research", "buildgraphs", "forge", "chat")
# manticscore has two roles: at the bottom what every app uses, on top what puts the apps together.
ON_TOP = {"urls", "asgi", "settings", "management", "demo", "benchmarks", "chaos"}
TOP = len(LAYERS)
# What must stay free of input and output, and of what brings it in.
PURE = {
    "research/analyst": {"django", "rest_framework", "procrastinate", "psycopg", "channels"},
    **{
        f"buildgraphs/{name}.py": {"django", "rest_framework", "procrastinate", "psycopg", "channels"}
        for name in (
            "tree",
            "planner",
            "ordering",
            "rules",
            "findings",
            "readiness",
            "matching",
            "prompts",
            "wording",
            "issues",
            "summaries",
            "vocabulary",
        )
    },
    "realtime/sockets/session.py": {"django", "channels", "asyncio", "psycopg"},
    "manticscore/chaos/history.py": {"django", "asyncio", "psycopg", "httpx", "websockets"},
    "manticscore/pipeline.py": {"django", "channels", "procrastinate", "psycopg", "asyncio"},
    "manticscore/lib/dburl.py": {"rest_framework", "channels"},
}


def modules() -> list[Path]:
    found = [path for layer in LAYERS for path in sorted((ROOT / layer).rglob("*.py"))]
    assert len(found) > 80, "the tree is where this guard looks for it"
    return found


def imported(path: Path) -> Iterator[str]:
    """Dotted names that a file imports, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def layer(dotted: str) -> int | None:
    """The number of a module's layer; None when it is not ours."""
    first, _, rest = dotted.partition(".")
    if first not in LAYERS:
        return None
    if first == "manticscore" and rest.partition(".")[0] in ON_TOP:
        return TOP
    return LAYERS.index(first)


def dotted_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("manticscore.lib.env", 0),
        ("manticscore.errors", 0),
        ("manticscore.settings", TOP),
        ("manticscore.management.commands.serve", TOP),
        ("research.models", 4),
        ("django.db", None),
        ("manticscore", 0),
    ],
)
def test_layers(name: str, expected: int | None) -> None:
    assert layer(name) == expected


@pytest.mark.parametrize("path", modules(), ids=dotted_name)
def test_module_imports_nothing_from_above(path: Path) -> None:
    own = layer(dotted_name(path))
    assert own is not None
    upward = [name for name in imported(path) if (other := layer(name)) is not None and other > own]
    assert upward == []


@pytest.mark.parametrize("place", PURE)
def test_pure_code_stays_pure(place: str) -> None:
    path = ROOT / place
    files = sorted(path.rglob("*.py")) if path.is_dir() else [path]
    assert files
    for file in files:
        unwanted = [name for name in imported(file) if name.partition(".")[0] in PURE[place]]
        assert unwanted == [], file


def test_analyst_knows_neither_tables_nor_pipelines() -> None:
    for file in sorted((ROOT / "research/analyst").rglob("*.py")):
        ours = {name for name in imported(file) if name.startswith(("research.", "manticscore."))}
        assert {
            name
            for name in ours
            if not name.startswith(("research.analyst", "research.schemas", "manticscore.lib"))
        } == set(), file


def test_nobody_imports_the_tests() -> None:
    for path in modules():
        assert not [name for name in imported(path) if name.partition(".")[0] == "tests"], path
