"""Prompts are files: research/prompts/NAME.vVERSION.md.

The newest version is used; older ones explain old artifacts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

DIRECTORY = Path(__file__).resolve().parent.parent / "prompts"
_NAME = re.compile(r"([a-z]+)\.v(\d+)\.md")


@dataclass(frozen=True, slots=True)
class Prompt:
    """Instructions that never contain anybody's material."""

    name: str
    version: int
    text: str


@lru_cache
def load(name: str) -> Prompt:
    """The newest version of a prompt."""
    found = [
        match for path in DIRECTORY.iterdir() if (match := _NAME.fullmatch(path.name)) and match[1] == name
    ]
    newest = max(found, key=lambda match: int(match[2]))
    text = (DIRECTORY / newest[0]).read_text(encoding="utf-8")
    return Prompt(name, int(newest[2]), text.strip())
