"""Trees as plain data."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from buildgraphs import tree


@dataclass
class Node:
    node_key: str
    parent_id: UUID | None = None
    sort_order: int = 0
    risk: str = "green"
    effort: str | None = "small"
    confidence: str | None = "high"
    node_status: str = "leaf"
    user_status: str = "pending"
    id: UUID = field(default_factory=uuid.uuid4)


def family() -> tuple[Node, Node, Node, Node]:
    """A root with two children, and another root."""
    root = Node("a", node_status="expanded")
    first = Node("a.x", root.id, 0)
    second = Node("a.y", root.id, 1, risk="red", effort="medium")
    return root, first, second, Node("b", sort_order=1)


def test_parents_come_first_and_siblings_in_order() -> None:
    root, first, second, other = family()
    assert tree.in_order([second, other, first, root]) == [root, first, second, other]
    assert tree.leaves([second, other, first, root]) == [first, second, other]
    assert tree.in_order([]) == tree.leaves([]) == []


def test_roll_up() -> None:
    root, first, second, other = family()
    first.user_status, second.user_status = "done", "in_progress"
    found = tree.roll_up([root, first, second, other])
    assert (found[root.id].risk, found[root.id].effort) == ("red", "large")
    assert found[root.id].progress == tree.Progress(2, 1, 1, 0)
    assert [found[node.id].progress.percent for node in (root, first, second, other)] == [50, 100, 0, 0]


def test_effort_is_open_while_a_leaf_is() -> None:
    root, first, second, _ = family()
    second.effort = None
    assert tree.roll_up([root, first, second])[root.id].effort is None


def test_skipped_work_is_settled() -> None:
    root, first, second, _ = family()
    first.user_status, second.user_status = "done", "skipped"
    assert tree.roll_up([root, first, second])[root.id].progress.percent == 100


def test_a_settled_whole_settles_its_leaves() -> None:
    root, first, second, other = nodes = family()
    root.user_status, second.user_status = "done", "skipped"
    below = Node("a.x.z", first.id, user_status="in_progress")
    found = tree.roll_up([*nodes, below])
    assert found[root.id].progress == tree.Progress(2, 1, 0, 1)
    assert found[below.id].progress == tree.Progress(1, 1)
    assert tree.actionable([*nodes, below], {other.id: [root.id]}) == [other]


def test_a_hundred_percent_is_all_of_it() -> None:
    assert tree.Progress(400, 399).percent == 99
    assert tree.Progress(400, 300, skipped=100).percent == 100


def test_what_is_needed_comes_first() -> None:
    root, first, second, other = nodes = family()
    needs = {second.id: [first.id], other.id: [root.id]}
    assert tree.actionable(nodes, needs) == [first]
    first.user_status = "done"
    assert tree.actionable(nodes, needs) == [second]
    second.user_status = "skipped"
    assert tree.actionable(nodes, needs) == [other]
    other.user_status = "done"
    assert tree.actionable(nodes, needs) == []


def test_what_an_ancestor_needs_counts() -> None:
    root, first, second, other = nodes = family()
    assert tree.actionable(nodes, {root.id: [other.id]}) == [other]
    other.user_status = "done"
    assert tree.actionable(nodes, {root.id: [other.id]}) == [first, second]


def test_a_whole_that_is_done_or_skipped_frees_what_needs_it() -> None:
    root, _, _, other = nodes = family()
    root.user_status = "skipped"
    assert tree.actionable(nodes, {other.id: [root.id]}) == [other]


def test_begun_work_comes_first() -> None:
    _, first, second, other = nodes = family()
    second.user_status = "in_progress"
    assert tree.actionable(nodes, {}) == [second, first, other]


def test_circles() -> None:
    root, first, second, other = nodes = family()
    assert not tree.would_cycle(nodes, {})
    assert not tree.would_cycle(nodes, {second.id: [first.id], other.id: [root.id]})
    assert tree.would_cycle(nodes, {first.id: [second.id], second.id: [first.id]})
    assert tree.would_cycle(nodes, {first.id: [root.id]}), "a child waits for its parent, which waits for it"
    assert tree.would_cycle(nodes, {root.id: [first.id]})
    assert tree.would_cycle(nodes, {root.id: [other.id], other.id: [first.id]})


def test_forge_ready() -> None:
    good = [Node(f"n{number}", sort_order=number) for number in range(5)]
    bad = [
        Node("risky", risk="yellow"),
        Node("large", effort="medium"),
        Node("open", effort=None),
        Node("unsure", confidence="medium"),
        Node("collapsed", node_status="collapsed"),
    ]
    assert tree.forge_ready([*bad, *reversed(good)]) == good[:3]
    assert tree.forge_ready(bad) == []


@given(st.data())
def test_any_forest_is_ordered_and_can_be_finished(data: st.DataObject) -> None:
    """Working off whatever is actionable ends with nothing left, wherever needs point backwards."""
    nodes: list[Node] = []
    for number in range(data.draw(st.integers(1, 12))):
        parent = data.draw(st.sampled_from([None, *nodes]))
        nodes.append(Node(f"n{number}", parent.id if parent else None, number))
    roots = [node for node in nodes if node.parent_id is None]
    needs = {
        later.id: data.draw(st.lists(st.sampled_from([node.id for node in roots[:place]]), max_size=2))
        for place, later in enumerate(roots)
        if place
    }
    assert not tree.would_cycle(nodes, needs)
    places = {node.id: place for place, node in enumerate(tree.in_order(nodes))}
    assert all(places[node.parent_id] < places[node.id] for node in nodes if node.parent_id)
    rounds = 0
    while free := tree.actionable(nodes, needs):
        free[0].user_status = "done"
        rounds += 1
    assert rounds == len(tree.leaves(nodes))
    assert all(roll.progress.percent == 100 for roll in tree.roll_up(nodes).values())
