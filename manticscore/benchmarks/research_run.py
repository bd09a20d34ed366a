"""A whole research run as a client sees it: from the POST to the stream's end."""

from __future__ import annotations

import json
import time
import uuid
from statistics import median

import httpx

from manticscore.benchmarks import Measurement
from manticscore.benchmarks.server import RunningServer

IDEA = "A recipe box where families save recipes from websites and plan meals"


class RunFailed(Exception):
    """The run did not end with a result."""


def measure(server: RunningServer, rounds: int) -> list[Measurement]:
    """The first run loads the embedding model; the others show what every further one takes."""
    with server.client() as client:
        answer = client.post("/auth/anonymous", json={"device_id": f"bench-{uuid.uuid4()}"})
        answer.raise_for_status()
        client.headers["Authorization"] = f"Bearer {answer.json()['token']}"
        first, *others = [seconds(client) for _ in range(rounds + 1)]
    return [
        Measurement("first research run after the start", first, "s"),
        Measurement("research run", median(others), "s", None, tuple(others)),
    ]


def seconds(client: httpx.Client) -> float:
    started = time.perf_counter()
    answer = client.post("/research", json={"idea": IDEA, "refresh": True})
    answer.raise_for_status()
    seen = []
    with client.stream("GET", f"/research/{answer.json()['job_id']}/events") as response:
        for line in response.iter_lines():
            seen.append(json.loads(line)["event"])
    if seen[-2:] != ["result", "done"]:
        raise RunFailed(f"a research run ended with {seen[-2:]}")
    return time.perf_counter() - started
