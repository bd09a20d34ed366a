"""Node, and the JavaScript client in it."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent
FOLLOW = HERE / "follow.mjs"
PATIENCE = 30.0  # seconds
HAS_SOCKET = "process.exit(typeof WebSocket === 'function' ? 0 : 1)"
FLAGS = ((), ("--experimental-websocket",))  # in Node from 22 on, and in 20


@cache
def command() -> tuple[str, ...]:
    """Node with a WebSocket of its own; empty where there is none."""
    node = shutil.which("node")
    for flags in FLAGS if node else ():
        tried = subprocess.run([node or "", *flags, "-e", HAS_SOCKET], capture_output=True)
        if tried.returncode == 0:
            return (node or "", *flags)
    return ()


def required() -> tuple[str, ...]:
    if not command():
        pytest.skip("there is no Node with a WebSocket (20 or later)")
    return command()


async def follow(**how: Any) -> list[dict[str, Any]]:
    """Run the JavaScript client as `follow.mjs` describes; returns what it printed."""
    process = await asyncio.create_subprocess_exec(
        *required(), str(FOLLOW), json.dumps(how),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, problems = await asyncio.wait_for(process.communicate(), PATIENCE)
    assert process.returncode == 0, problems.decode()
    return [json.loads(line) for line in output.splitlines()]
