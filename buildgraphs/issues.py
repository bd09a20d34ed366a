"""Nodes as issues of a tracker that reads GitHub's Markdown. No input, no output.

What a node says was in part written by strangers: it mentions nobody, refers to no other issue, and holds
neither HTML nor links of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeVar
from uuid import UUID

MAX_TITLE = 256
MAX_BODY = 65_536
INVISIBLE = "\u200b"  # between a mark and what it would act on
MARKER = re.compile(r"<!-- build-node: ([0-9a-f-]{36}) -->")
ESCAPED = ((re.compile("&"), "&amp;"), (re.compile("<"), "&lt;"), (re.compile(r"([\[\]`])"), r"\\\1"),
           (re.compile(r"@(?=\w)"), f"@{INVISIBLE}"), (re.compile(r"#(?=\d)"), f"#{INVISIBLE}"))  # fmt: skip
RISK_COLORS = {"green": "0e8a16", "yellow": "fbca04", "red": "b60205"}
EFFORT_COLOR = "c5def5"


class Node(Protocol):
    """What an issue is made from."""

    id: UUID
    parent_id: UUID | None
    node_key: str
    name: str
    description: str
    risk: str
    effort: str | None
    user_status: str
    unknowns: Any
    spec: Any


N = TypeVar("N", bound=Node)
Needs = Mapping[UUID, Sequence[UUID]]


def in_order(nodes: Sequence[N], needs: Needs) -> list[N]:
    """Every node after its parent and what it needs, so that it can refer to them by number."""
    by_id = {node.id: node for node in nodes}
    placed: dict[UUID, N] = {}
    for first in nodes:
        waiting, opened = [first.id], set[UUID]()
        while waiting:
            node = by_id[waiting[-1]]
            before = [each for each in before_it(node, needs) if each in by_id and each not in placed]
            if node.id in opened or not before:
                placed.setdefault(waiting.pop(), node)
            else:
                opened.add(node.id)
                waiting.extend(each for each in before if each not in opened)
    return list(placed.values())


def before_it(node: Node, needs: Needs) -> list[UUID]:
    return [*([node.parent_id] if node.parent_id else []), *needs.get(node.id, ())]


def marked(body: str) -> UUID | None:
    """The node that an issue was made from, when it was made here."""
    found = MARKER.match(body)
    return UUID(found[1]) if found else None


def title(node: Node) -> str:
    return " ".join(node.name.split())[:MAX_TITLE] or node.node_key[:MAX_TITLE]


def labels(node: Node) -> dict[str, str]:
    """Names, each with its colour."""
    found = {f"risk: {node.risk}": RISK_COLORS[node.risk]}
    if node.effort:
        found[f"effort: {node.effort.replace('_', ' ')}"] = EFFORT_COLOR
    return found


def body(node: Node, nodes: Mapping[UUID, Node], needs: Needs, numbers: Mapping[UUID, int]) -> str:
    """The marker, then all that the node says; the prompt is left out where it would be too much."""
    tick = "x" if node.user_status in ("done", "skipped") else " "
    parent = f"Part of {reference(nodes[node.parent_id], numbers)}" if node.parent_id else ""
    after = ", ".join(reference(nodes[each], numbers) for each in needs.get(node.id, ()))
    parts = [
        f"<!-- build-node: {node.id} -->",
        parent,
        f"After {after}" if after else "",
        plain(node.description),
        listed("Constraints", node.spec["constraints"], "-"),
        listed("Acceptance criteria", node.spec["acceptance_criteria"], f"- [{tick}]"),
        listed("Tests", node.spec["test_checklist"], f"- [{tick}]"),
        listed("Open questions", node.unknowns, "-"),
    ]
    told = "\n\n".join(part for part in parts if part)
    whole = f"{told}\n\n{folded(node.spec['emitted_prompt'])}"
    return whole if len(whole) <= MAX_BODY else told[:MAX_BODY]


def reference(node: Node, numbers: Mapping[UUID, int]) -> str:
    number = numbers.get(node.id)
    return f"#{number}" if number else plain(node.name)


def listed(heading: str, lines: Iterable[str], mark: str) -> str:
    found = [f"{mark} {plain(line)}" for line in lines]
    return "\n".join([f"### {heading}", "", *found]) if found else ""


def plain(text: str) -> str:
    """Text in one line that means nothing but itself."""
    for pattern, replacement in ESCAPED:
        text = pattern.sub(replacement, text)
    return " ".join(text.split())


def folded(prompt: str) -> str:
    """The prompt to be copied as it is, in a fence that nothing in it closes."""
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", prompt)), default=0))
    summary = "<details><summary>Prompt for a coding agent</summary>"
    return f"{summary}\n\n{fence}text\n{prompt}\n{fence}\n\n</details>"
