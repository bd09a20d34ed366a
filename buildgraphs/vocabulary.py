"""What trackers call our risks, efforts and states. No input, no output."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

ESTIMATES = {"small": 1, "medium": 2, "large": 5, "very_large": 8}  # points, as trackers count them
JIRA_TYPES = ("Epic", "Story", "Sub-task")


class Node(Protocol):
    """What is called by other words elsewhere."""

    risk: str
    effort: str | None
    user_status: str


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """A tracker's words; `points` is its name of an estimate."""

    priorities: Mapping[str, str]
    states: Mapping[str, str]
    points: str

    def fields(self, node: Node) -> dict[str, Any]:
        """Columns as the tracker's importer names them."""
        return {
            "Status": self.states[node.user_status],
            "Priority": self.priorities[node.risk],
            self.points: estimate(node) or "",
        }


LINEAR = Vocabulary(
    {"red": "Urgent", "yellow": "High", "green": "Medium"},
    {"pending": "Todo", "in_progress": "In Progress", "done": "Done", "skipped": "Canceled"},
    "Estimate",
)
LINEAR_NUMBERS = {"Urgent": 1, "High": 2, "Medium": 3}  # as Linear's API has them
JIRA = Vocabulary(
    {"red": "Highest", "yellow": "High", "green": "Medium"},
    {"pending": "To Do", "in_progress": "In Progress", "done": "Done", "skipped": "Won't Do"},
    "Story Points",
)


def estimate(node: Node) -> int | None:
    """Points; None until the node is assessed."""
    return ESTIMATES[node.effort] if node.effort else None


def labels(node: Node, archetype: str) -> list[str]:
    """Words without spaces."""
    return [archetype, f"risk-{node.risk}"]
