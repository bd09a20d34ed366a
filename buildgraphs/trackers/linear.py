"""An issue of a Linear team for every node.

Linear takes ids that its callers choose: an issue that was asked for twice is there once, and a lost one is
found by its id. Its tool that creates issues takes none, so GraphQL is sent.
"""

from __future__ import annotations

from typing import Any

from buildgraphs import issues, vocabulary
from buildgraphs.models import ShippedItem
from buildgraphs.trackers.interface import Load, Made
from buildgraphs.trackers.toolkit import Toolkit

TOOL = "LINEAR_RUN_QUERY_OR_MUTATION"
CREATE = """mutation($input: IssueCreateInput!) {
  issueCreate(input: $input) { success issue { identifier url } }
}"""
FIND = """query($id: ID!) {
  issues(filter: { id: { eq: $id } }, includeArchived: true) { nodes { identifier url } }
}"""


class Linear(Toolkit):
    name = "Linear"

    def lost(self, item: ShippedItem, load: Load) -> Made | None:
        return self.ask(TOOL, sent(FIND, id=str(item.key)), found)

    def create(self, item: ShippedItem, load: Load, until: float) -> Made:
        node = load.nodes[item.subject_id]
        parent = load.items.get(node.parent_id) if node.parent_id else None
        wanted = {
            "id": str(item.key),
            "teamId": self.destination,
            "title": issues.title(node),
            "description": issues.body(
                node, load.nodes, load.reading.needs, load.references, fold=issues.fenced
            ),
            "priority": vocabulary.LINEAR_NUMBERS[vocabulary.LINEAR.priorities[node.risk]],
            "estimate": vocabulary.estimate(node),
            "parentId": str(parent.key) if parent else None,
        }
        given = {name: value for name, value in wanted.items() if value is not None}
        return self.ask(TOOL, sent(CREATE, input=given), created, until)


def sent(text: str, **variables: Any) -> dict[str, Any]:
    return {"query_or_mutation": text, "variables": variables}


def created(answer: Any) -> Made:
    return made(answer["issueCreate"]["issue"])


def found(answer: Any) -> Made | None:
    nodes = answer["issues"]["nodes"]
    return made(nodes[0]) if nodes else None


def made(issue: Any) -> Made:
    return Made(str(issue["identifier"]), str(issue["url"]))
