"""The examples of the API's documentation, as they stand there, against the real server.

Nothing of them is kept here: they are read from where the documentation is, when it is there. Only the
host, the token and the id of the job are replaced.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.clients import node
from tests.helpers.installation import Installation, Running, Server
from tests.helpers.visitors import Visitor

SPEC = Path(__file__).resolve().parents[3] / "shared" / "spec"
HOST = "api.manticscore.com"
EXAMPLE = re.compile(r"^class \w+ \{.*?^// Usage\n.*?^socket\.subscribe\(.*?\);$", re.M | re.S)
PATIENCE = 30.0  # seconds
# A page goes on when the last line of a script throws; here that line runs before the socket is open.
AS_A_PAGE = """
    const script = require("node:fs").readFileSync(0, "utf8");
    try { require("node:vm").runInThisContext(script) } catch (error) { console.log(error.name) }
"""


def page(name: str) -> str:
    path = SPEC / name
    if not path.exists():
        pytest.skip(f"the API's documentation is not beside this checkout: {name}")
    return path.read_text(encoding="utf-8")


@asynccontextmanager
async def running(script: str) -> AsyncIterator[asyncio.StreamReader]:
    """The script in Node, as in a page; what it prints."""
    process = await asyncio.create_subprocess_exec(
        *node.required(), "-e", AS_A_PAGE, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(script.encode())
    process.stdin.close()
    try:
        yield process.stdout
    finally:
        process.kill()
        await process.communicate()


async def lines_up_to(output: asyncio.StreamReader, text: str) -> list[str]:
    lines = [""]
    async with asyncio.timeout(PATIENCE):
        while not lines[-1].startswith(text):
            line = await output.readline()
            assert line, f"ended without {text!r}: {lines}"
            lines.append(line.decode().rstrip())
    return lines


async def test_the_javascript_example(server: Server, installation: Installation) -> None:
    found = re.search(
        r"^class \w+ \{.*?^// Usage\n.*?^socket\.subscribe\(.*?\);$", page("websocket.md"), re.M | re.S
    )
    assert found, "the example is where it was"
    with Visitor(server) as visitor:
        job_id = visitor.start()
        script = (
            found[0]
            .replace(f"wss://{HOST}", f"ws://127.0.0.1:{server.port}")
            .replace("your-session-token", visitor.token)
            .replace("your-job-uuid", job_id)
        )
        async with running(script) as output:
            before = await lines_up_to(output, f"Subscribed to research/{job_id}")
            with installation.work():
                after = await lines_up_to(output, "Job complete for")
        assert any(line.startswith("Connected as ") for line in before)
        stages = [line for line in after if line.startswith("Stage: ")]
        assert (stages[0], stages[-1]) == ("Stage: interpretstarted", "Stage: persistcompleted")
        assert any(line.startswith("Result received:") for line in after)
        assert after[-1] == f"Job complete for {job_id}"


def commands(text: str, server: Server) -> list[str]:
    """The curl commands of a page, at our server."""
    found: list[str] = re.findall(r"^curl .*?(?<!\\)$", text, re.M | re.S)
    return [command.replace(f"https://{HOST}", server.url) for command in found]


async def run(command: str, **environment: str) -> list[str]:
    process = await asyncio.create_subprocess_exec(
        "bash", "-c", command, env={"PATH": "/usr/bin:/bin", **environment}, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    output, _ = await asyncio.wait_for(process.communicate(), PATIENCE)
    assert process.returncode == 0
    return output.decode().splitlines()


async def test_the_curl_examples(server: Server, worker: Running) -> None:
    whole, resumed = commands(page("ndjson-streaming.md"), server)
    if not shutil.which("curl"):
        pytest.skip("curl is not installed")
    with Visitor(server) as visitor:
        names = {"TOKEN": visitor.token, "JOB_ID": visitor.finish()}
        events = [line for line in await run(whole, **names) if '"seq"' in line]
        assert [json.loads(line)["data"]["seq"] for line in events] == list(range(1, len(events) + 1))
        assert json.loads(events[-1])["event"] == "done"
        assert [line for line in await run(resumed, **names) if '"seq"' in line] == events[12:]
