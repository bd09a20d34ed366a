"""Changes of graphs and nodes. Each is one transaction; the lock on a graph is the one on its stream."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from accounts import credits
from accounts.models import Principal
from buildgraphs import (
    drafting,
    expanding,
    gathering,
    prompts,
    rules,
    shipping,
    storing,
    tasks,
    tree,
)
from buildgraphs.events import ExpandStart, GraphCreated, ShipStart
from buildgraphs.generation import READY, needs_of
from buildgraphs.models import BuildDependency, BuildGraph, BuildNode, NodeStatus, Shipment
from buildgraphs.revising import Revision, revision
from buildgraphs.schemas import MAX_PROMPT, RISKS, Assessment, Draft, Spec
from manticscore import errors
from projects import actions as projects
from realtime import jobs, publish, runs
from realtime.events import ProgressEvent
from realtime.models import Stream
from realtime.topics import Channel
from research.models import FeatureResearchJob, ResearchJob

ACTION = "build"
INITIALIZING = "initializing"
TITLE_LENGTH = 120
NO_FEATURES = "No features provided"
NOT_COMPLETE = "The research is not complete"


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for."""

    idea: str
    features: Sequence[Mapping[str, str]] = ()
    auto_select: bool = False
    phase: int | None = None
    project_id: UUID | None = None
    research_id: UUID | None = None
    feature_research_id: UUID | None = None


@dataclass(slots=True)
class Basis:
    """The research that a wish stands on."""

    research: ResearchJob | None = None
    deep: FeatureResearchJob | None = None
    features: list[dict[str, Any]] = field(default_factory=list)


@transaction.atomic
def start(owner: Principal, wish: Wish) -> BuildGraph:
    """Charge for a graph and create it, its stream, its first event and its queue entry: all, or none.

    Raises NotFound for a project or research that is not the owner's, Conflict for research without a result,
    BadRequest when nothing is left to build, and TooManyRequests when the owner's credits are used up.
    """
    if wish.project_id is not None:
        projects.hold(owner.pk, wish.project_id)
    basis = basis_of(owner, wish)
    if not basis.features:
        raise errors.BadRequest(NO_FEATURES)
    graph_id = uuid.uuid4()
    credits.charge(owner_id=owner.pk, action=ACTION, entity_id=graph_id)
    stream = Stream.objects.create(
        id=graph_id,
        owner=owner,
        channel=Channel.BUILD,
        title=wish.idea[:TITLE_LENGTH],
        project_id=wish.project_id,
        status=INITIALIZING,
    )
    graph = BuildGraph.objects.create(
        stream=stream,
        owner=owner,
        idea=wish.idea,
        features=basis.features,
        auto_select=wish.auto_select,
        phase=wish.phase,
        feature_research=basis.deep,
        charge_id=graph_id,
    )
    if basis.research is not None:
        graph.research.add(basis.research)
    project_id = str(wish.project_id) if wish.project_id else None
    publish.append(graph_id, 0, [GraphCreated(graph_id=str(graph_id), project_id=project_id)])
    jobs.defer(tasks.work, graph_id)
    return graph


def basis_of(owner: Principal, wish: Wish) -> Basis:
    """What was named; otherwise the project's latest."""
    research = own(ResearchJob, owner, wish.research_id)
    deep = own(FeatureResearchJob, owner, wish.feature_research_id)
    if wish.project_id is not None:
        deep = deep or FeatureResearchJob.latest_of(wish.project_id)
        research = research or latest_research(wish.project_id)
    features = [dict(feature) for feature in wish.features]
    if wish.auto_select and not features:
        features = gathering.ready_features(research, deep, wish.phase)
    return Basis(research or (deep.research if deep else None), deep, features)


def own(model: type[Any], owner: Principal, pk: UUID | None) -> Any:
    """The owner's research, None where none was named. Raises NotFound, and Conflict without a result."""
    if pk is None:
        return None
    found = model.objects.owned_by(owner.pk).filter(pk=pk).first()
    if found is None:
        raise errors.NotFound()
    if not found.artifact:
        raise errors.Conflict(NOT_COMPLETE)
    return found


def latest_research(project_id: UUID) -> ResearchJob | None:
    of_project = ResearchJob.objects.with_result().filter(stream__project_id=project_id)
    return of_project.order_by("-stream__created_at", "pk").first()


def locked(graph_id: UUID) -> BuildGraph:
    """The graph, locked against workers and other changes of it. Raises NotFound when it is gone."""
    if not Stream.objects.select_for_update(no_key=True).filter(pk=graph_id).exists():
        raise errors.NotFound()
    return BuildGraph.objects.select_related("stream").get(pk=graph_id)


def locked_ready(graph_id: UUID) -> BuildGraph:
    """The same, of a graph whose plan stands. Raises Conflict for any other."""
    graph = locked(graph_id)
    if graph.ready_at is None:
        raise errors.Conflict("The graph is not ready yet")
    return graph


def locked_node(node_id: UUID) -> BuildNode:
    """Of a graph that is locked. Raises NotFound when it is gone."""
    node = BuildNode.objects.select_for_update(no_key=True).filter(pk=node_id).first()
    if node is None:
        raise errors.NotFound()
    return node


@transaction.atomic
def update(graph: BuildGraph, changes: Mapping[str, Any]) -> BuildGraph:
    """Move the graph to a project, or to none, and give it another title."""
    graph = locked(graph.pk)
    values = dict(changes)
    if values.get("project_id") is not None:
        projects.hold(graph.owner_id, values["project_id"])
    if "title" in values:
        values["title"] = values["title"][:TITLE_LENGTH]
    Stream.objects.filter(pk=graph.pk).update(**values, updated_at=Now())
    graph.stream.refresh_from_db()
    return graph


@transaction.atomic
def delete(graph: BuildGraph) -> None:
    """Remove the graph with its stream and all nodes. A plan that has not begun costs nothing."""
    graph = locked(graph.pk)
    if graph.ready_at is None:
        runs.abandon(graph.pk, errors.Cancelled())  # gives credits back where a cancellation does
    Stream.objects.filter(pk=graph.pk).delete()


@transaction.atomic
def link_research(graph: BuildGraph, owner: Principal, research_id: UUID) -> BuildGraph:
    """Let further expansions stand on this research too. Nodes that are there stay as they are."""
    research = own(ResearchJob, owner, research_id)
    graph = locked(graph.pk)
    graph.research.add(research)
    if graph.material is not None:
        graph.material = gathering.material(graph).model_dump(mode="json")
        graph.save(update_fields=["material"])
    return graph


@transaction.atomic
def retry(graph: BuildGraph) -> BuildGraph:
    """Let a plan that failed go on where it stopped. One whose credits were given back costs them again.

    Raises Conflict for any other, and TooManyRequests when the owner's credits are used up.
    """
    graph = locked(graph.pk)
    if graph.ready_at is not None or graph.stream.status != "failed":
        raise errors.Conflict("Only a failed graph can be retried")
    if credits.is_refunded(graph.charge_id):
        graph.charge_id = uuid.uuid4()
        graph.save(update_fields=["charge_id"])
        credits.charge(owner_id=graph.owner_id, action=ACTION, entity_id=graph.charge_id)
    begin_again(graph, ProgressEvent(stage="plan", message="Going on where the run stopped"))
    Stream.objects.filter(pk=graph.pk).update(status=INITIALIZING)
    graph.stream.refresh_from_db()
    return graph


def begin_again(graph: BuildGraph, event: ExpandStart | ShipStart | ProgressEvent) -> None:
    """Tell of the event and see to it that a worker comes, whether or not one is at work."""
    if not runs.reopen(graph.pk, [], event):
        publish.append(graph.pk, graph.stream.attempt, [event])
    jobs.defer(tasks.work, graph.pk)


@transaction.atomic
def expand(node: BuildNode) -> BuildNode:
    """Ask for a collapsed node to be taken apart. Raises Conflict for any other: one of two is heard.

    One that is done or skipped is refused too: there is no work in it to be taken apart.
    """
    graph = locked_ready(node.graph_id)
    node = locked_node(node.pk)
    if node.node_status != NodeStatus.COLLAPSED:
        raise errors.Conflict(f"Only a collapsed node can be expanded; this one is {node.node_status}")
    if node.user_status in tree.SETTLED:
        raise errors.Conflict(f"Only open work can be expanded; this node is {node.user_status}")
    node.node_status = NodeStatus.EXPANDING
    saved(node)
    begin_again(graph, expand_start(node))
    return node


def expand_start(node: BuildNode) -> ExpandStart:
    return ExpandStart(graph_id=str(node.graph_id), node_id=str(node.pk), node_key=node.node_key)


@transaction.atomic
def ship(graph: BuildGraph, target: str, destination: str, *, top_level_only: bool) -> Shipment:
    """Ask for a graph to go to what `shipping.resolved` found. Raises Conflict unless all is quiet."""
    graph = locked_ready(graph.pk)
    if shipping.waiting(graph):
        raise errors.Conflict("The graph is being shipped")
    what: dict[str, Any] = {"target": target, "destination": destination, "top_level_only": top_level_only}
    made = Shipment.objects.create(graph=graph, **what)
    begin_again(graph, ShipStart(graph_id=str(graph.pk), ship_id=str(made.pk), **what))
    made.refresh_from_db()
    return made


@transaction.atomic
def assess(node: BuildNode) -> BuildNode:
    """Judge a node by the rules and by what research says now. A risk that was set higher stays."""
    graph = locked(node.graph_id)
    node = locked_node(node.pk)
    storing.reassess(node, redraft(graph, node).assessment)
    saved(node)
    runs.tell(graph.pk, [storing.updated(node)])
    return node


def redraft(graph: BuildGraph, node: BuildNode) -> Draft:
    """The node as it would be made now. Raises Conflict when its template is gone."""
    with drafting.gone_as_conflict():
        return drafting.again(graph, node)


def saved(node: BuildNode) -> BuildNode:
    node.updated_at = Now()
    node.save()
    node.refresh_from_db()
    return node


@transaction.atomic
def change(node: BuildNode, changes: Mapping[str, Any]) -> BuildNode:
    """Set fields of a node, its spec, and what it needs, and tell of it.

    Raises Conflict for needs that would go in a circle, and Unprocessable for a spec that is too large.
    """
    graph = locked(node.graph_id)
    node = locked_node(node.pk)
    values = dict(changes)
    if "depends_on" in values:
        set_needs(node, values.pop("depends_on"))
    spec = values.pop("spec", {})
    for name, value in values.items():
        setattr(node, name, value)
    if spec:
        set_spec(graph, node, spec)
    saved(node)
    if changes:
        runs.tell(graph.pk, [storing.updated(node)])
    return node


def set_spec(graph: BuildGraph, node: BuildNode, spec: Mapping[str, Any]) -> None:
    """Set fields of the spec; the prompt says what is in it, unless one is given.

    Raises Unprocessable when it is more in all than a prompt holds.
    """
    node.spec = {**node.spec, **spec}
    prompt = prompts.emitted(drafted(graph, node))
    if len(prompt) > MAX_PROMPT:
        raise errors.Unprocessable("spec: too much for one node")
    node.spec = {**node.spec, "emitted_prompt": prompt, **spec}


def drafted(graph: BuildGraph, node: BuildNode) -> Draft:
    """The stored node as a draft: its own words and assessment, in the place that the plan has for it."""
    draft = redraft(graph, node)
    assessment = draft.assessment
    if node.node_status != NodeStatus.COLLAPSED:
        known = {"risk": node.risk, "unknowns": node.unknowns, "reasons": node.reasons}
        assessment = Assessment.model_validate({**assessment.model_dump(), **known})
    return replace(draft, spec=Spec.model_construct(**node.spec), assessment=assessment)


def set_needs(node: BuildNode, wanted: Sequence[UUID]) -> None:
    nodes = {each.pk: each for each in BuildNode.objects.filter(graph_id=node.graph_id).defer("spec")}
    if not nodes.keys() >= set(wanted):
        raise errors.NotFound()
    if tree.would_cycle(nodes.values(), {**needs_of(node.graph_id), node.pk: list(wanted)}):
        raise errors.Conflict("These dependencies would go in a circle")
    BuildDependency.objects.filter(node=node).delete()
    BuildDependency.objects.bulk_create(
        BuildDependency(node=node, needs_id=each) for each in dict.fromkeys(wanted)
    )


@transaction.atomic
def replace_children(node: BuildNode, seen: str) -> Revision:
    """Put the children that would be made now in the place of those that are there.

    `seen` is the id of the revision that somebody looked at. Raises Conflict when it is not the same any
    more, and while the graph is being worked on. Nodes with the same key keep their status and needs.
    """
    graph = locked_ready(node.graph_id)
    if not graph.stream.is_closed:
        raise errors.Conflict("The graph is being worked on")
    node = locked_node(node.pk)
    found = revision(graph, node)
    if found.id != seen:
        raise errors.Conflict("The graph changed since this revision was made; look at it again")
    removed = [str(child.pk) for child in found.removed]
    BuildNode.objects.filter(pk__in=[child.pk for child in found.removed]).delete()
    for child, draft in found.changed:
        revise(child, draft)
    made = storing.insert(graph.pk, found.added)
    runs.reopen(graph.pk, [], expand_start(node))
    count = len(made) + len(found.changed) + len(found.kept)
    told = [storing.created(child) for child in made]
    changed = [storing.updated(child) for child, _ in found.changed]
    last = [*told, *changed, expanding.done(node, count, removed)]
    publish.close(graph.pk, graph.stream.attempt, last, status=READY)
    return found


def revise(child: BuildNode, draft: Draft) -> None:
    """Give the child what the draft says. One that is still collapsed is assessed when it is expanded."""
    now = storing.row(child.graph_id, draft)
    for name in ("name", "description", "spec", "evidence_ids"):
        setattr(child, name, getattr(now, name))
    if child.node_status == NodeStatus.COLLAPSED:
        child.risk = rules.highest(RISKS, [child.risk, now.risk])
    else:
        storing.reassess(child, draft.assessment)
    saved(child)
