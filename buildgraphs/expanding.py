"""The work on a graph after it is ready: taking nodes apart, and shipping it.

A node that is to be expanded says so in its own row, as does a shipment. The worker takes them until there
are none and only then ends the stream, which it holds locked: a request that comes meanwhile either is seen,
or finds the stream over and begins it again.
"""

from __future__ import annotations

import logging

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from accounts import spending
from buildgraphs import planner, refining, rules, shipping, signals, storing, tree
from buildgraphs.events import ExpandDone
from buildgraphs.generation import READY
from buildgraphs.models import BuildGraph, BuildNode, NodeStatus
from buildgraphs.schemas import RISKS, Material
from manticscore import errors
from manticscore.lib.faults import crash_point
from manticscore.pipeline import Superseded, defects_as_errors
from realtime import publish, runs
from realtime.runs import StreamJournal

logger = logging.getLogger(__name__)

EXPANDING = "expanding"
ASSESSED = ("risk", "effort", "confidence", "unknowns", "reasons", "node_status", "updated_at")


def work(graph: BuildGraph) -> None:
    """Expand and ship what waits for it, then end the stream."""
    journal = runs.claim(graph.pk, EXPANDING)
    if journal is None:
        return
    try:
        while not ended(graph, journal):
            expand_all(graph, journal)
            for _ in shipping.carry(graph, journal):
                expand_all(graph, journal)  # not after the last of perhaps a thousand issues
    except Superseded:
        return


def expand_all(graph: BuildGraph, journal: StreamJournal) -> None:
    for node in waiting(graph):
        expand_or_tell(node, journal)


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
    material = Material.model_validate(node.graph.material)
    place = (material, node.feature_id, node.archetype, node.node_key, node.part)
    drafts, own = planner.expansion(*place), refining.again(planner.redraft(*place), node.notes)
    refiner = refining.for_graph(node.graph.owner_id, node.graph_id)
    if refiner is not None:
        drafts = refiner.refine("expand", drafts, logger.warning)
    with transaction.atomic(), journal.fenced():
        nodes = storing.insert(node.graph_id, drafts)
        before = node.risk
        storing.set_assessment(node, own.assessment)
        node.risk = rules.highest(RISKS, [before, node.risk])  # somebody may see more than the rules
        node.node_status = NodeStatus.EXPANDED
        node.updated_at = timezone.now()
        node.save(update_fields=ASSESSED)
        crash_point("expand:stored")
        told = [storing.created(child) for child in nodes]
        publish.append(node.graph_id, journal.attempt, [*told, done(node, len(nodes))])
        spending.forget(node.graph_id)
        offer(nodes)


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
    data = {"message": error.message, "code": error.code, "retryable": error.retryable, **error.data}
    with transaction.atomic(), journal.fenced():
        BuildNode.objects.filter(pk=node.pk).update(node_status=NodeStatus.COLLAPSED, updated_at=Now())
        journal.emit("error", {**data, "node_id": str(node.pk)})
        spending.forget(node.graph_id)  # whoever expands it again asks again
