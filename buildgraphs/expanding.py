"""The work on a graph after it is ready: taking nodes apart, and shipping it.

A node that is to be expanded says so in its own row, as does a shipment. The worker takes them until there
are none and only then ends the stream, which it holds locked: a request that comes meanwhile either is seen,
or finds the stream over and begins it again. Shipping takes turns, so that a worker is free for others.
"""

from __future__ import annotations

import time
from contextlib import suppress
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from accounts import spending
from buildgraphs import drafting, refining, shipping, signals, storing, tree
from buildgraphs.events import ExpandDone
from buildgraphs.generation import READY
from buildgraphs.models import BuildGraph, BuildNode, NodeStatus
from buildgraphs.schemas import Assessment
from manticscore import errors
from manticscore.lib.faults import crash_point
from manticscore.pipeline import Report, Superseded, defects_as_errors
from realtime import publish, runs
from realtime.runs import StreamJournal

EXPANDING = "expanding"
STAGE = "expand"
CHOSEN = ("effort", "confidence", "unknowns")
ASSESSED = (*CHOSEN, "risk", "reasons", "node_status", "updated_at")


def work(graph: BuildGraph) -> float | None:
    """Expand and ship what waits for it, then end the stream.

    A number is how many seconds from now a shipment has its next turn; None: there is nothing left.
    """
    journal = runs.claim(graph.pk, EXPANDING)
    if journal is None:
        return None
    try:
        while not ended(graph, journal):
            journal.go_on()
            expand_all(graph, journal)
            rest = ship_for_a_turn(graph, journal)
            if rest is not None:
                return rest
    except errors.Cancelled as error:
        stop(graph, journal, error)
    except Superseded:
        pass
    return None


def ship_for_a_turn(graph: BuildGraph, journal: StreamJournal) -> float | None:
    """Seconds until the next turn, unless everything is shipped."""
    until = time.monotonic() + shipping.TURN_SECONDS
    for rest in shipping.carry(graph, journal):
        journal.go_on()
        expand_all(graph, journal)  # not after the last of perhaps a thousand issues
        if rest or time.monotonic() >= until:
            return rest
    return None


def expand_all(graph: BuildGraph, journal: StreamJournal) -> None:
    for node in waiting(graph):
        journal.go_on()
        expand_or_tell(node, journal)


def stop(graph: BuildGraph, journal: StreamJournal, error: errors.Cancelled) -> None:
    """The graph stays ready, with what was expanded and shipped."""
    with suppress(Superseded), transaction.atomic(), journal.fenced():
        let_go(graph.pk, error.code)
        spending.forget(graph.pk)
        journal.emit("error", error.told)
        publish.close(graph.pk, journal.attempt, status=READY)


def let_go(graph_id: UUID, code: str) -> None:
    """Nothing of the graph waits for a worker any more. Shipping again goes on where it stopped."""
    expanding = BuildNode.objects.filter(graph_id=graph_id, node_status=NodeStatus.EXPANDING)
    expanding.update(node_status=NodeStatus.COLLAPSED, updated_at=Now())
    shipping.fail_waiting(graph_id, code)


def waiting(graph: BuildGraph) -> list[BuildNode]:
    nodes = graph.nodes.filter(node_status=NodeStatus.EXPANDING)
    return list(nodes.select_related("graph").order_by("updated_at", "pk"))


@transaction.atomic
def ended(graph: BuildGraph, journal: StreamJournal) -> bool:
    """End the stream, unless a node or a shipment waits."""
    with journal.fenced():
        if graph.nodes.filter(node_status=NodeStatus.EXPANDING).exists() or shipping.waiting(graph):
            return False
        publish.close(graph.pk, journal.attempt, status=READY)
        return True


def expand_or_tell(node: BuildNode, journal: StreamJournal) -> None:
    """A node that cannot be expanded is as it was before, and the stream says why."""
    crash_point("expand:started")
    try:
        with defects_as_errors(f"expanding {node.pk}"):
            expand(node, journal)
    except errors.PipelineError as error:
        give_up(node, journal, error)
    crash_point("expand:completed")


def expand(node: BuildNode, journal: StreamJournal) -> None:
    """Children, their events and the end of the expansion, in one step."""
    drafts, own = drafting.below(node.graph, node), drafting.again(node.graph, node)
    refiner = refining.for_graph(node.graph.owner_id, node.graph_id)
    if refiner is not None:
        drafts = refiner.refine(STAGE, drafts, Report(STAGE, journal.emit))
    with transaction.atomic(), journal.fenced():
        nodes = storing.insert(node.graph_id, drafts)
        expanded(node, own.assessment).save(update_fields=ASSESSED)
        crash_point("expand:stored")
        told = [storing.created(child) for child in nodes]
        publish.append(node.graph_id, journal.attempt, [*told, done(node, len(nodes))])
        spending.forget(node.graph_id)
        offer(nodes)


def expanded(before: BuildNode, assessment: Assessment) -> BuildNode:
    """The node with its assessment, in which what somebody set since it was read stays."""
    node = BuildNode.objects.select_for_update(no_key=True).get(pk=before.pk)
    chosen = {name: value for name in CHOSEN if (value := getattr(node, name)) != getattr(before, name)}
    storing.reassess(node, assessment)
    for name, value in chosen.items():
        setattr(node, name, value)
    node.node_status = NodeStatus.EXPANDED
    node.updated_at = timezone.now()
    return node


def done(node: BuildNode, children: int, removed: list[str] | None = None) -> ExpandDone:
    return ExpandDone(
        graph_id=str(node.graph_id),
        node_id=str(node.pk),
        node_key=node.node_key,
        children_count=children,
        removed=removed or [],
    )


def offer(nodes: list[BuildNode]) -> None:
    """Tell of the leaves that a coding agent can be trusted with."""
    if ready := tree.forge_ready(nodes):
        signals.leaves_ready.send(sender=BuildNode, leaves=ready)


def give_up(node: BuildNode, journal: StreamJournal, error: errors.PipelineError) -> None:
    with transaction.atomic(), journal.fenced():
        BuildNode.objects.filter(pk=node.pk).update(node_status=NodeStatus.COLLAPSED, updated_at=Now())
        journal.emit("error", {**error.told, "node_id": str(node.pk)})
        spending.forget(node.graph_id)  # whoever expands it again asks again
