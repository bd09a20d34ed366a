"""An issue of a Jira project for every node. A lost one is known again by a label.

Jira's search may take a while to know of a new issue. Which types and point fields a project has differs,
so every issue is a task, and its estimate is told in words.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from buildgraphs import issues, vocabulary
from buildgraphs.models import BuildNode, ShippedItem
from buildgraphs.trackers.interface import Load, Made
from buildgraphs.trackers.toolkit import Toolkit

CREATE = "JIRA_CREATE_ISSUE"
SEARCH = "JIRA_SEARCH_ISSUES"
TYPE = "Task"
MAX_TITLE = 255
MAX_BODY = 32_000  # characters; Jira takes 32,767


class Jira(Toolkit):
    name = "Jira"

    def lost(self, item: ShippedItem, load: Load) -> Made | None:
        label = marker(item.subject_id)
        query = f'project = "{self.destination}" AND labels = "{label}"'
        return self.ask(SEARCH, {"jql": query}, found)

    def create(self, item: ShippedItem, load: Load, until: float) -> Made:
        node = load.nodes[item.subject_id]
        arguments = {
            "project_key": self.destination,
            "issue_type": TYPE,
            "summary": issues.title(node)[:MAX_TITLE],
            "description": described(node, load),
            "priority": vocabulary.JIRA.priorities[node.risk],
            "labels": [*vocabulary.labels(node, node.archetype), marker(node.pk)],
        }
        return self.ask(CREATE, arguments, made, until)


def marker(node_id: UUID) -> str:
    return f"build-node-{node_id}"


def described(node: BuildNode, load: Load) -> str:
    points = vocabulary.estimate(node)
    first = f"{vocabulary.JIRA.points}: {points}" if points else ""
    limit = MAX_BODY - len(first) - 2
    rest = issues.body(node, load.nodes, load.reading.needs, load.references, fold=issues.fenced, limit=limit)
    return issues.joined([first, rest])


def found(answer: Any) -> Made | None:
    listed = answer["issues"]
    return made(listed[0]) if listed else None


def made(issue: Any) -> Made:
    return Made(str(issue.get("key") or issue["issue_key"]), str(issue.get("url") or ""))
