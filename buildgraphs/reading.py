"""Graphs as they are read: whole trees in a constant number of queries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from uuid import UUID

from buildgraphs import generation, library, tree
from buildgraphs.models import BuildGraph, BuildNode
from buildgraphs.tree import Progress, RollUp
from research.models import Evidence, FeatureEvidence, Verdict

LEFT = (Verdict.CHANGED, Verdict.GONE)


@dataclass(frozen=True)
class Reading:
    """A graph with everything that is shown of it."""

    graph: BuildGraph
    nodes: list[BuildNode]
    needs: dict[UUID, list[UUID]]
    research_ids: list[UUID]
    evidence: dict[str, bool]  # key -> whether its quote still stands at its source

    @cached_property
    def roll_up(self) -> dict[UUID, RollUp]:
        return tree.roll_up(self.nodes)

    @property
    def roots(self) -> list[BuildNode]:
        return [node for node in self.nodes if node.parent_id is None]

    def chosen(self, *, top_level_only: bool) -> list[BuildNode]:
        """The nodes that leave this place, parents before their children."""
        return self.roots if top_level_only else self.nodes

    @property
    def progress(self) -> Progress:
        """How far the whole graph is."""
        return tree.summed(self.roll_up[root.pk].progress for root in self.roots)

    def stale(self, node: BuildNode) -> list[str]:
        """Evidence of the node that is gone, or no longer says what it said."""
        return [key for key in node.evidence_ids if not self.evidence.get(key, False)]

    @cached_property
    def origins(self) -> dict[tuple[str, str], str]:
        """Feature and evidence -> the research that found it for this graph."""
        found: dict[tuple[str, str], str] = {}
        for feature in (self.graph.material or {}).get("features", []):
            for statement in feature["statements"]:
                found[feature["id"], statement["evidence_id"]] = statement["research_id"]
        return found

    def research_behind(self, node: BuildNode) -> list[str]:
        """The research that the node's evidence is from, of the market and of features."""
        behind = (self.origins.get((node.feature_id, key)) for key in node.evidence_ids)
        return list(dict.fromkeys(each for each in behind if each is not None))


def read(graph: BuildGraph) -> Reading:
    return Reading(
        graph,
        tree.in_order(graph.nodes.all()),
        generation.needs_of(graph.pk),
        list(graph.research.order_by("-created_at", "pk").values_list("pk", flat=True)),
        evidence(graph),
    )


def evidence(graph: BuildGraph) -> dict[str, bool]:
    """Of every quote that the graph's research holds now whether it stands; of two, whether one does."""
    market = Evidence.objects.filter(job__build_graphs=graph).values_list("key", "verdict")
    features = FeatureEvidence.objects.filter(job=graph.feature_research_id).values_list("key", "verdict")
    found: dict[str, bool] = {}
    for key, verdict in (*market, *features):
        found[str(key)] = found.get(str(key), False) or verdict not in LEFT
    return found


@dataclass(frozen=True, slots=True)
class Missing:
    """A kind of feature that this one is usually built on, and that the graph does not have."""

    archetype: str
    label: str
    reason: str


def prerequisites(reading: Reading, node: BuildNode) -> tuple[list[BuildNode], list[Missing]]:
    """What the node and its ancestors need, and what is missing from the graph for it."""
    by_id = {each.pk: each for each in reading.nodes}
    needed: dict[UUID, BuildNode] = {}
    above: BuildNode | None = by_id[node.pk]
    while above is not None:
        needed |= {key: by_id[key] for key in reading.needs.get(above.pk, [])}
        above = by_id.get(above.parent_id) if above.parent_id else None
    return list(needed.values()), missing(reading.nodes, node)


def missing(nodes: Sequence[BuildNode], node: BuildNode) -> list[Missing]:
    kinds = library.archetypes()
    there = {each.archetype for each in nodes}
    return [
        Missing(key, kinds[key].label, f"{kinds[node.archetype].label} usually stands on it")
        for key in kinds[node.archetype].after
        if key not in there
    ]
