"""What must be true of every plan."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from graphlib import TopologicalSorter

from buildgraphs import ordering, planner
from buildgraphs.schemas import Draft, Material
from manticscore.lib.words import folded, stems


def whole(material: Material) -> Iterator[Draft]:
    """Every node, with everything expanded."""
    for root in ordering.roots(material):
        waiting = planner.branch(material, root)
        while waiting:
            node = waiting.pop(0)
            yield node
            if node.node_status == "collapsed":
                waiting += planner.expansion(material, node.feature_id, node.archetype, node.key, node.part)


def assert_sound(material: Material) -> list[Draft]:
    nodes = list(whole(material))
    keys = [node.key for node in nodes]
    assert len(set(keys)) == len(keys)
    assert {need for node in nodes for need in node.needs} <= set(keys)
    assert list(TopologicalSorter({node.key: node.needs for node in nodes}).static_order())
    labels = {feature.id: feature.label for feature in material.features}
    beside: dict[str | None, list[Draft]] = defaultdict(list)
    seen: set[str] = set()
    for node in nodes:
        assert node.parent_key is None or node.parent_key in seen
        assert node.depth == node.key.count(".")
        seen.add(node.key)
        beside[node.parent_key].append(node)
        if node.node_status == "leaf":
            assert_leaf(node, labels[node.feature_id])
    for siblings in beside.values():
        assert len({node.name for node in siblings}) == len(siblings)
        assert len({node.description for node in siblings}) == len(siblings)
        assert len({node.spec.emitted_prompt for node in siblings}) == len(siblings)
    return nodes


def assert_leaf(node: Draft, label: str) -> None:
    assert node.assessment.reasons
    for lines in (node.spec.acceptance_criteria, node.spec.test_checklist):
        named = [line for line in lines if names(line, label)]
        assert len(named) >= 2, (node.key, lines)
        assert len(set(lines)) == len(lines)


def names(line: str, label: str) -> bool:
    """Whether a line holds the feature's own words."""
    return folded(label) in folded(line) or bool(set(stems(label)) & set(stems(line)))
