"""Planning a graph: three stages on manticscore.pipeline, whose stream ends as `ready`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from accounts import spending
from buildgraphs import gathering, ordering, planner, refining, storing, tree
from buildgraphs.models import BuildDependency, BuildGraph, BuildNode
from buildgraphs.ordering import Root
from buildgraphs.refining import Refiner
from buildgraphs.schemas import Material
from manticscore.lib.faults import crash_point
from manticscore.pipeline import Output, Pipeline, Report
from realtime import publish, runs
from realtime.runs import StreamJournal

GENERATING = "generating"
READY = "ready"


class GraphJournal(StreamJournal):
    """A graph's run ends with `graph_ready`, and from then on the graph is known to be ready."""

    @transaction.atomic
    def finish(self, status: str, event: str, data: dict[str, Any]) -> None:
        ended = status == "completed"
        super().finish(status, "graph_ready" if ended else event, data)
        if ended:
            BuildGraph.objects.filter(pk=self._stream_id).update(ready_at=Now())
        spending.forget(self._stream_id)  # a run that is tried again asks again


def take(stream_id: UUID) -> GraphJournal | None:
    return runs.claim_for(GraphJournal, stream_id, GENERATING)


@dataclass(slots=True)
class PlanContext:
    """A graph on its way to being ready."""

    graph: BuildGraph
    attempt: int
    fenced: Callable[[], AbstractContextManager[None]]
    go_on: Callable[[], None]  # raises Cancelled
    refiner: Refiner | None = None
    material: Material | None = None

    @property
    def known(self) -> Material:
        """What the first stage gathered."""
        assert self.material is not None
        return self.material


class Gather:
    """Finds what research knows of the chosen features."""

    name = "gather"
    blocking = True
    reserved = False

    def run(self, context: PlanContext, report: Report) -> Output:
        with transaction.atomic(), context.fenced():  # research is linked before it is read, or after
            found = gathering.material(context.graph).model_dump(mode="json")
            BuildGraph.objects.filter(pk=context.graph.pk).update(material=found)
        statements = sum(len(feature["statements"]) for feature in found["features"])
        return Output(found, {"features": len(found["features"]), "statements": statements})

    def resume(self, context: PlanContext, output: Any) -> None:
        context.material = Material.model_validate(output)


class Plan:
    """Takes every feature apart. A branch is stored and told of at once: a repeated run finds it whole."""

    name = "plan"
    blocking = True
    reserved = False

    def run(self, context: PlanContext, report: Report) -> Output:
        roots = ordering.roots(context.known)
        stored = set(context.graph.nodes.filter(parent=None).values_list("node_key", flat=True))
        for root in roots:
            if root.key not in stored:
                context.go_on()
                store(context, root, report)
                crash_point(f"plan:branch-{root.sort_order}")
        return Output({}, {"roots": len(roots), "nodes": context.graph.nodes.count()})

    def resume(self, context: PlanContext, output: Any) -> None:
        """The nodes are in their table."""


def store(context: PlanContext, root: Root, report: Report) -> None:
    drafts = planner.branch(context.known, root)
    if context.refiner is not None:
        drafts = context.refiner.refine(Plan.name, drafts, report)
    with transaction.atomic(), context.fenced():
        nodes = storing.insert(context.graph.pk, drafts)
        publish.append(context.graph.pk, context.attempt, [storing.created(node) for node in nodes])


class BrokenPlan(Exception):
    """The plan contradicts itself: a defect of the library or the planner."""


class Check:
    """Looks whether the plan can be carried out at all, before it is called ready."""

    name = "check"
    blocking = True
    reserved = True

    def run(self, context: PlanContext, report: Report) -> Output:
        nodes = list(context.graph.nodes.defer("spec"))
        needs = needs_of(context.graph.pk)
        if tree.would_cycle(nodes, needs):
            raise BrokenPlan("some nodes wait for themselves")
        leaves = tree.leaves(nodes)
        return Output({}, {"leaves": len(leaves), "dependencies": sum(map(len, needs.values()))})

    def resume(self, context: PlanContext, output: Any) -> None:
        """Nothing came of it but that the run went on."""


def needs_of(graph_id: UUID) -> dict[UUID, list[UUID]]:
    """What every node of the graph needs, in one query."""
    rows = BuildDependency.objects.filter(node__graph_id=graph_id).order_by("pk")
    found: dict[UUID, list[UUID]] = {}
    for node_id, needed_id in rows.values_list("node_id", "needs_id"):
        found.setdefault(node_id, []).append(needed_id)
    return found


def pipeline() -> Pipeline[PlanContext]:
    return Pipeline([Gather(), Plan(), Check()], result)


def context(graph: BuildGraph, journal: GraphJournal) -> PlanContext:
    refiner = refining.for_graph(graph.owner_id, graph.pk)
    return PlanContext(graph, journal.attempt, journal.fenced, journal.go_on, refiner)


def result(context: PlanContext) -> dict[str, Any]:
    """The `graph_ready` event."""
    nodes = BuildNode.objects.filter(graph=context.graph)
    return {
        "graph_id": str(context.graph.pk),
        "root_count": nodes.filter(parent=None).count(),
        "node_count": nodes.count(),
        "duration_ms": round((timezone.now() - context.graph.created_at).total_seconds() * 1000),
    }
