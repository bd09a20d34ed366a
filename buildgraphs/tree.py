"""Trees of nodes as plain data: put together, rolled up, and asked what comes next. No input, no output."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Protocol, TypeVar
from uuid import UUID

from buildgraphs import rules
from buildgraphs.schemas import RISKS, Effort, Risk

MAX_CARDS = 3
SETTLED = frozenset({"done", "skipped"})


class Node(Protocol):
    """What the functions here look at."""

    id: UUID
    parent_id: UUID | None
    node_key: str
    sort_order: int
    risk: str
    effort: str | None
    confidence: str | None
    node_status: str
    user_status: str


N = TypeVar("N", bound=Node)
Needs = Mapping[UUID, Iterable[UUID]]  # a node -> what it needs


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the leaves of a subtree are; skipped ones need no work and count as settled.

    A leaf is also settled by what is above it: who calls a whole done need not say so of its parts.
    """

    total: int = 0
    done: int = 0
    in_progress: int = 0
    skipped: int = 0

    @property
    def percent(self) -> int:
        """Rounded down, so that 100 means that nothing is left."""
        return 100 * (self.done + self.skipped) // self.total if self.total else 0


@dataclass(frozen=True, slots=True)
class RollUp:
    """What a subtree amounts to: the highest risk in it, the work of its leaves, and how far they are.

    `effort` is None while a leaf has not been assessed.
    """

    risk: Risk = "green"
    effort: Effort | None = None
    progress: Progress = field(default_factory=Progress)


def by_parent(nodes: Iterable[N]) -> dict[UUID | None, list[N]]:
    """Children by parent, in their order; roots under None."""
    found: dict[UUID | None, list[N]] = defaultdict(list)
    for node in sorted(nodes, key=lambda node: (node.sort_order, node.node_key)):
        found[node.parent_id].append(node)
    return found


def in_order(nodes: Iterable[N]) -> list[N]:
    """Parents before their children, siblings in their order."""
    below = by_parent(nodes)
    found: list[N] = []
    waiting = list(reversed(below[None]))
    while waiting:
        node = waiting.pop()
        found.append(node)
        waiting.extend(reversed(below[node.id]))
    return found


def leaves(nodes: Iterable[N]) -> list[N]:
    """Nodes without children, in order. A collapsed node stands for the work below it."""
    ordered = in_order(nodes)
    parents = {node.parent_id for node in ordered}
    return [node for node in ordered if node.id not in parents]


def roll_up(nodes: Iterable[N]) -> dict[UUID, RollUp]:
    """Every node's subtree, in one pass from the leaves up."""
    ordered = in_order(nodes)
    below = by_parent(ordered)
    states = statuses(ordered)
    found: dict[UUID, RollUp] = {}
    for node in reversed(ordered):
        parts = [found[child.id] for child in below[node.id]]
        found[node.id] = combined(node, parts) if parts else own(node, states[node.id])
    return found


def statuses(ordered: Iterable[Node]) -> dict[UUID, str]:
    """How far the work on every node is, of nodes in order: the nearest settled one on the way up decides."""
    found: dict[UUID, str] = {}
    for node in ordered:
        above = found[node.parent_id] if node.parent_id else ""
        is_given = above in SETTLED and node.user_status not in SETTLED
        found[node.id] = above if is_given else node.user_status
    return found


def own(node: Node, state: str) -> RollUp:
    progress = Progress(1, int(state == "done"), int(state == "in_progress"), int(state == "skipped"))
    return RollUp(node.risk, node.effort, progress)  # type: ignore[arg-type]


def combined(node: Node, parts: Sequence[RollUp]) -> RollUp:
    efforts = [part.effort for part in parts]
    known = [effort for effort in efforts if effort is not None]
    return RollUp(
        rules.highest(RISKS, [node.risk, *(part.risk for part in parts)]),  # type: ignore[list-item]
        rules.together(known) if len(known) == len(efforts) else None,
        summed(part.progress for part in parts),
    )


def summed(parts: Iterable[Progress]) -> Progress:
    rows = [(part.total, part.done, part.in_progress, part.skipped) for part in parts]
    return Progress(*(sum(column) for column in zip(*rows, strict=True))) if rows else Progress()


def would_cycle(nodes: Iterable[N], needs: Needs) -> bool:
    """Whether some node would have to wait for itself, also through what lies below and above it.

    A node is over when all below it are; it can begin when what it and its ancestors need is over.
    """
    waits: dict[tuple[str, UUID], list[tuple[str, UUID]]] = {}
    for node in nodes:
        begin, end = ("begin", node.id), ("end", node.id)
        waits.setdefault(begin, []).extend(("end", needed) for needed in needs.get(node.id, ()))
        waits.setdefault(end, []).append(begin)
        if node.parent_id is not None:
            waits[begin].append(("begin", node.parent_id))
            waits.setdefault(("end", node.parent_id), []).append(end)
    try:
        TopologicalSorter(waits).prepare()
    except CycleError:
        return True
    return False


def actionable(nodes: Iterable[N], needs: Needs) -> list[N]:
    """Leaves that can be worked on now, those begun first: all that they and their ancestors need is over."""
    ordered = in_order(nodes)
    by_id = {node.id: node for node in ordered}
    settled = {node_id for node_id, roll in roll_up(ordered).items() if roll.progress.percent == 100}

    def is_free(node: N | None) -> bool:
        while node is not None:
            if not settled >= set(needs.get(node.id, ())):
                return False
            node = by_id.get(node.parent_id) if node.parent_id else None
        return True

    open_leaves = [node for node in leaves(ordered) if node.id not in settled and is_free(node)]
    return sorted(open_leaves, key=lambda node: node.user_status != "in_progress")


def forge_ready(nodes: Iterable[N]) -> list[N]:
    """At most three leaves that a coding agent can be trusted with: low risk, small, high confidence."""
    wanted = ("leaf", "green", "small", "high")
    ready = [
        node
        for node in sorted(nodes, key=lambda node: (node.sort_order, node.node_key))
        if (node.node_status, node.risk, node.effort, node.confidence) == wanted
    ]
    return ready[:MAX_CARDS]
