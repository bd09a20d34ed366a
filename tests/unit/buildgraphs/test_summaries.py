"""Whole graphs as a message and as a page."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any

from buildgraphs import summaries
from buildgraphs.tree import Progress, RollUp

HALF = RollUp("red", "very_large", Progress(total=4, done=1, skipped=1))
SPEC = {"constraints": ["No scrolling"], "acceptance_criteria": ["It shows"], "test_checklist": []}


@dataclass
class Node:
    name: str = "Shopping list"
    depth: int = 0
    parent_id: uuid.UUID | None = None
    node_key: str = "shopping-list"
    description: str = "What is needed."
    risk: str = "green"
    effort: str | None = None
    user_status: str = "pending"
    unknowns: Any = ()
    spec: Any = field(default_factory=lambda: SPEC)
    id: uuid.UUID = field(default_factory=uuid.uuid4)


def message(*nodes: Node) -> str:
    below = {node.id: HALF for node in nodes}
    return summaries.message("A recipe box", nodes, below, 7, HALF.progress)


def test_a_message_in_full() -> None:
    assert message(Node(), Node("Sign-in")) == (
        "**A recipe box**\n"
        "7 nodes, 2 features; 2 of 4 done (50 %)\n"
        "- Shopping list (risk red, effort very large, 2 of 4 done (50 %))\n"
        "- Sign-in (risk red, effort very large, 2 of 4 done (50 %))"
    )
    assert "7 nodes, 1 feature;" in message(Node())


def test_a_message_stays_short() -> None:
    lines = message(*(Node() for _ in range(summaries.MAX_FEATURES + 3))).splitlines()
    assert (len(lines), lines[-1]) == (2 + summaries.MAX_FEATURES + 1, "- and 3 more")
    assert len(message(*(Node("x" * 1_000) for _ in range(30)))) == summaries.MAX_MESSAGE


def test_a_page_in_full() -> None:
    nodes = [Node(), Node("Keep <it>", depth=1, user_status="done")]
    text = summaries.page(nodes, {node.id: HALF for node in nodes}, HALF.progress)
    assert text.startswith("2 of 4 done (50 %)\n\n# Shopping list\n\nRisk red, effort very large, 2 of 4")
    assert "\n\n## Keep &lt;it>\n\n" in text
    assert "- [ ] It shows\n\n## Keep" in text
    assert text.endswith("### Acceptance criteria\n\n- [x] It shows")
    assert "### Tests" not in text


def test_a_page_is_bounded() -> None:
    nodes = [Node("x" * 300, depth=9) for _ in range(400)]
    text = summaries.page(nodes, {node.id: HALF for node in nodes}, HALF.progress)
    assert len(text) == summaries.MAX_PAGE
    assert "\n\n### x" in text
