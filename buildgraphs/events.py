"""Events of build graphs (spec: ndjson-streaming, build graph events)."""

from __future__ import annotations

from typing import ClassVar

from realtime.events import EventData


class GraphCreated(EventData):
    type: ClassVar[str] = "graph_created"
    graph_id: str
    project_id: str | None


class NodeCreated(EventData):
    """One per node, parents before their children."""

    type: ClassVar[str] = "node_created"
    id: str
    graph_id: str
    parent_id: str | None
    node_key: str
    depth: int
    sort_order: int
    name: str
    description: str
    risk: str
    node_status: str


class NodeUpdated(NodeCreated):
    """A node was changed or judged anew. Spec and needs are not told."""

    type: ClassVar[str] = "node_updated"
    user_status: str
    confidence: str | None
    effort: str | None


class GraphReady(EventData):
    """`duration_ms` from the request to the last node."""

    type: ClassVar[str] = "graph_ready"
    graph_id: str
    root_count: int
    node_count: int
    duration_ms: int


class ExpandStart(EventData):
    type: ClassVar[str] = "expand_start"
    graph_id: str
    node_id: str
    node_key: str


class ExpandDone(EventData):
    """`removed` are nodes that a new expansion replaced, by id."""

    type: ClassVar[str] = "expand_done"
    graph_id: str
    node_id: str
    node_key: str
    children_count: int
    removed: list[str] = []


class ShipStart(EventData):
    type: ClassVar[str] = "ship_start"
    graph_id: str
    ship_id: str
    target: str
    destination: str
    top_level_only: bool


class IssueCreated(EventData):
    """One per node that had no issue at the destination yet, parents before their children.

    `reference` is the issue's name as its tracker writes it.
    """

    type: ClassVar[str] = "issue_created"
    graph_id: str
    ship_id: str
    node_id: str
    node_key: str
    reference: str
    url: str


class GraphPosted(EventData):
    """The whole graph went out as one message or page."""

    type: ClassVar[str] = "graph_posted"
    graph_id: str
    ship_id: str
    reference: str
    url: str


class ShipDone(EventData):
    """`item_count` includes issues of earlier shipments."""

    type: ClassVar[str] = "ship_done"
    graph_id: str
    ship_id: str
    target: str
    destination: str
    item_count: int


ALL = (GraphCreated, NodeCreated, NodeUpdated, GraphReady, ExpandStart, ExpandDone, ShipStart, IssueCreated,
       GraphPosted, ShipDone)  # fmt: skip
