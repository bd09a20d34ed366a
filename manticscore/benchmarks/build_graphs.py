"""Build graphs as a client sees them: planning one, and reading a large one as a tree and as a stream."""

from __future__ import annotations

import copy
import time
import uuid
from collections.abc import Callable
from uuid import UUID

import httpx

from buildgraphs import library, storing
from buildgraphs.models import BuildGraph, BuildNode
from manticscore.benchmarks import Measurement, Note, Sizes, figure
from manticscore.benchmarks.server import running
from manticscore.benchmarks.systems import Place
from realtime import publish, runs
from realtime.models import Stream

FEATURES = 20
PLANNED_WITHIN = 2.0  # seconds
LARGE = 2_000  # nodes
BATCH = 200  # events in one append


class PlanFailed(Exception):
    """A graph did not become ready, or was not read whole."""


def measure(place: Place, rounds: int, sizes: Sizes, note: Note) -> list[Measurement]:
    with running(place.database) as server, server.client() as client:
        server.wait_until_ready()
        answer = client.post("/auth/anonymous", json={"device_id": f"bench-{uuid.uuid4()}"})
        client.headers["Authorization"] = f"Bearer {answer.raise_for_status().json()['token']}"
        planned = [timed(lambda: plan(client)) for _ in range(rounds)]
        graph_id = enlarged(plan(client))
        tree = [timed(lambda: read_tree(client, graph_id)) for _ in range(rounds)]
        replay = [timed(lambda: read_events(client, graph_id)) for _ in range(rounds)]
    return [
        figure(f"build graph of {FEATURES} features", "s", planned, at_most=PLANNED_WITHIN),
        figure(f"tree of {LARGE:,} nodes", "s", tree),
        figure(f"replay of {LARGE:,} nodes", "s", replay),
    ]


def timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def plan(client: httpx.Client) -> UUID:
    """Ask for a graph and follow its stream to the end."""
    kinds = [kind.label for kind in library.archetypes().values()]
    labels = [f"{kinds[number % len(kinds)]} {number}" for number in range(FEATURES)]
    body = {"idea": "a recipe box for families", "features": [{"label": label} for label in labels]}
    graph_id = client.post("/build-graphs", json=body).raise_for_status().json()["graph_id"]
    text = client.get(f"/build-graphs/{graph_id}/events").raise_for_status().text
    if '"event":"graph_ready"' not in text:
        raise PlanFailed(f"graph {graph_id} did not become ready")
    return UUID(graph_id)


def enlarged(graph_id: UUID) -> UUID:
    """The graph with copies of one of its nodes, and their events in its stream."""
    graph = BuildGraph.objects.get(pk=graph_id)
    template = graph.nodes.exclude(parent=None).order_by("pk")[0]
    nodes = [copy.copy(template) for _ in range(LARGE - graph.nodes.count())]
    for number, node in enumerate(nodes):
        node.pk, node.node_key, node.sort_order = uuid.uuid4(), f"{template.node_key}-{number}", number
    BuildNode.objects.bulk_create(nodes)
    told = [storing.created(node) for node in nodes]
    runs.reopen(graph_id, [], told[0])
    attempt = Stream.objects.get(pk=graph_id).attempt
    for first in range(1, len(told), BATCH):
        publish.append(graph_id, attempt, told[first : first + BATCH])
    publish.close(graph_id, attempt, status="ready")
    return graph_id


def read_tree(client: httpx.Client, graph_id: UUID) -> None:
    found = client.get(f"/build-graphs/{graph_id}").raise_for_status().json()
    if found["node_count"] != LARGE:
        raise PlanFailed(f"{found['node_count']} nodes were read")


def read_events(client: httpx.Client, graph_id: UUID) -> None:
    text = client.get(f"/build-graphs/{graph_id}/events").raise_for_status().text
    if text.count('"event":"node_created"') != LARGE:
        raise PlanFailed("not every node was replayed")
