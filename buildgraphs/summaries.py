"""A whole graph as one message, or as one page, in Markdown. No input, no output.

As in issues, text of strangers mentions nobody and is not read as markup.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol
from uuid import UUID

from buildgraphs import issues
from buildgraphs.tree import Progress, RollUp

MAX_MESSAGE = 10_000  # characters
MAX_FEATURES = 40  # in a message
MAX_PAGE = 100_000
DEEPEST = 3  # of headings


class Placed(issues.Node, Protocol):
    """A node that knows how far down it is."""

    depth: int


def message(
    title: str, roots: Sequence[issues.Node], below: Mapping[UUID, RollUp], nodes: int, whole: Progress
) -> str:
    """Title, how large and how far, and a line per feature."""
    size = f"{counted(nodes, 'node')}, {counted(len(roots), 'feature')}; {far(whole)}"
    head = f"**{issues.plain(title)}**\n{size}"
    lines = [f"- {issues.plain(root.name)} ({facts(below[root.id])})" for root in roots[:MAX_FEATURES]]
    more = [f"- and {len(roots) - MAX_FEATURES} more"] if len(roots) > MAX_FEATURES else []
    return "\n".join([head, *lines, *more])[:MAX_MESSAGE]


def page(nodes: Sequence[Placed], below: Mapping[UUID, RollUp], whole: Progress) -> str:
    """Everything but the prompts: a heading for every node, parents before their children."""
    found = [far(whole).capitalize()]
    for node in nodes:
        found += [heading(node), facts(below[node.id]).capitalize(), *issues.sections(node)]
    return issues.joined(found)[:MAX_PAGE]


def heading(node: Placed) -> str:
    return f"{'#' * min(node.depth + 1, DEEPEST)} {issues.plain(node.name)}"


def facts(found: RollUp) -> str:
    effort = (found.effort or "open").replace("_", " ")
    return f"risk {found.risk}, effort {effort}, {far(found.progress)}"


def far(found: Progress) -> str:
    settled = found.done + found.skipped
    return f"{settled} of {found.total} done ({found.percent} %)"


def counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
