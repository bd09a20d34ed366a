"""Drafts become rows and events, together: a node that is stored was told of, and told of once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from buildgraphs import rules
from buildgraphs.events import NodeCreated, NodeUpdated
from buildgraphs.models import BuildDependency, BuildNode
from buildgraphs.schemas import RISKS, Assessment, Draft


def row(graph_id: UUID, draft: Draft) -> BuildNode:
    """The row of a draft. A collapsed node is assessed later, when somebody looks into it."""
    parent_id = BuildNode.id_for(graph_id, draft.parent_key) if draft.parent_key else None
    node = BuildNode(
        id=BuildNode.id_for(graph_id, draft.key),
        graph_id=graph_id,
        parent_id=parent_id,
        node_key=draft.key,
        depth=draft.depth,
        sort_order=draft.sort_order,
        name=draft.name,
        description=draft.description,
        risk=draft.assessment.risk,
        node_status=draft.node_status,
        spec=draft.spec.model_dump(),
        feature_id=draft.feature_id,
        archetype=draft.archetype,
        part=draft.part,
        evidence_ids=list(draft.evidence_ids),
        notes=draft.notes,
    )
    if draft.node_status != "collapsed":
        set_assessment(node, draft.assessment)
    return node


def set_assessment(node: BuildNode, assessment: Assessment) -> None:
    node.risk = assessment.risk
    node.effort = assessment.effort
    node.confidence = assessment.confidence
    node.unknowns = assessment.unknowns
    node.reasons = [reason.model_dump() for reason in assessment.reasons]


def reassess(node: BuildNode, assessment: Assessment) -> None:
    """A risk that was set higher stays: somebody may see more than the rules."""
    before = node.risk
    set_assessment(node, assessment)
    node.risk = rules.highest(RISKS, [before, node.risk])


def insert(graph_id: UUID, drafts: Sequence[Draft]) -> list[BuildNode]:
    """Store nodes with their dependencies, in the caller's transaction; what is needed is there already."""
    nodes = BuildNode.objects.bulk_create(row(graph_id, draft) for draft in drafts)
    connect(graph_id, drafts)
    return nodes


def connect(graph_id: UUID, drafts: Iterable[Draft]) -> None:
    BuildDependency.objects.bulk_create(
        [
            BuildDependency(
                node_id=BuildNode.id_for(graph_id, draft.key), needs_id=BuildNode.id_for(graph_id, key)
            )
            for draft in drafts
            for key in draft.needs
        ],
        ignore_conflicts=True,
    )


def created(node: BuildNode) -> NodeCreated:
    return NodeCreated(**fields_of(node))


def updated(node: BuildNode) -> NodeUpdated:
    judged = {name: getattr(node, name) for name in ("user_status", "confidence", "effort")}
    return NodeUpdated(**fields_of(node), **judged)


def fields_of(node: BuildNode) -> dict[str, Any]:
    own = ("node_key", "depth", "sort_order", "name", "description", "risk", "node_status")
    return {
        "id": str(node.pk),
        "graph_id": str(node.graph_id),
        "parent_id": str(node.parent_id) if node.parent_id else None,
        **{name: getattr(node, name) for name in own},
    }
