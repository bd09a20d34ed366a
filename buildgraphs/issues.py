"""Nodes as issues of a tracker that reads Markdown. No input, no output.

What a node says was in part written by strangers: it mentions nobody, refers to no other issue, and holds
neither HTML nor links of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeVar
from uuid import UUID

MAX_TITLE = 256
MAX_BODY = 65_536
INVISIBLE = "\u200b"  # between a mark and what it would act on
MARKER = re.compile(r"<!-- build-node: ([0-9a-f-]{36}) -->")
ESCAPED = ((re.compile("&"), "&amp;"), (re.compile("<"), "&lt;"), (re.compile(r"([\\\[\]`])"), r"\\\1"),
           (re.compile(r"@(?=\w)"), f"@{INVISIBLE}"), (re.compile(r"#(?=\d)"), f"#{INVISIBLE}"))  # fmt: skip
PROMPT = "Prompt for a coding agent"
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


def marker(node: Node) -> str:
    """By which the issue of a node is known again."""
    return f"<!-- build-node: {node.id} -->"


def body(
    node: Node,
    nodes: Mapping[UUID, Node],
    needs: Needs,
    references: Mapping[UUID, str],
    *,
    fold: Callable[[str], str],
    limit: int = MAX_BODY,
) -> str:
    """All that the node says, `fold` around its prompt, which is left out where it would be too much.

    `references` are names of issues as the tracker writes them, as #12.
    """
    parent = f"Part of {reference(nodes[node.parent_id], references)}" if node.parent_id else ""
    after = ", ".join(reference(nodes[each], references) for each in needs.get(node.id, ()))
    told = joined([parent, f"After {after}" if after else "", *sections(node)])
    whole = joined([told, fold(node.spec["emitted_prompt"])])
    return whole if len(whole) <= limit else told[:limit]


def sections(node: Node) -> list[str]:
    """Description and lists, ticked where the work is settled."""
    tick = "x" if node.user_status in ("done", "skipped") else " "
    return [
        plain(node.description),
        listed("Constraints", node.spec["constraints"], "-"),
        listed("Acceptance criteria", node.spec["acceptance_criteria"], f"- [{tick}]"),
        listed("Tests", node.spec["test_checklist"], f"- [{tick}]"),
        listed("Open questions", node.unknowns, "-"),
    ]


def joined(parts: Iterable[str]) -> str:
    return "\n\n".join(part for part in parts if part)


def reference(node: Node, references: Mapping[UUID, str]) -> str:
    return references.get(node.id) or plain(node.name)


def listed(heading: str, lines: Iterable[str], mark: str) -> str:
    found = [f"{mark} {plain(line)}" for line in lines]
    return "\n".join([f"### {heading}", "", *found]) if found else ""


def plain(text: str) -> str:
    """Text in one line that means nothing but itself."""
    for pattern, replacement in ESCAPED:
        text = pattern.sub(replacement, text)
    return " ".join(text.split())


def fenced(prompt: str) -> str:
    """The prompt to be copied as it is, in a fence that nothing in it closes."""
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", prompt)), default=0))
    return f"{PROMPT}\n\n{fence}text\n{prompt}\n{fence}"


def folded(prompt: str) -> str:
    """The same where HTML can fold it away."""
    _, _, code = fenced(prompt).partition("\n\n")
    return f"<details><summary>{PROMPT}</summary>\n\n{code}\n\n</details>"
